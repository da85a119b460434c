// Signals that come before somebody waits for them. While the configuration is read for the first time TERM
// and INT still end the process, but not before what it has started; HUP and USR1 wait until it serves. Never
// delays an end for longer than that.
#pragma once

namespace milter::daemon {

// From now on they are noted; serves: HUP and USR1 too, for a process that will wait for them.
void note_early_signals(bool serves);
// One of those that are to end it was.
bool end_was_noted();
// The configuration has been read: the end that was noted comes now. A process that does not serve is as
// before.
void after_reading(bool serves);
// Once somebody waits for them: those that were noted come again.
void repeat_early_signals();

} // namespace milter::daemon
