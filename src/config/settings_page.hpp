// The reference of all settings as a page of the manual, docs/manual/settings.md: made of the tables alone,
// so it says what the program does. The same for every build: never a default that the build decides.
#pragma once

#include <string>

namespace milter::config {

// Markdown in UTF-8, the whole page.
std::string settings_page();

} // namespace milter::config
