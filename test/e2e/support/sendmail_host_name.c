/* Preloaded into Sendmail: the host has a name with a dot. Without one Sendmail sleeps for a minute when it starts,
 * and which name the machine has that runs the tests must not matter. It must never be preloaded into what is tested.
 */
#include <stddef.h>
#include <string.h>

int gethostname(char* name, size_t size)
{
    static const char ours[] = "mx.example.test";
    if (size < sizeof ours) return -1;
    memcpy(name, ours, sizeof ours);
    return 0;
}
