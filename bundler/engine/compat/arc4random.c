// A static libstdc++ from a system with glibc 2.36 or newer takes std::random_device's numbers from arc4random, which
// older systems lack. That one symbol would shut out every system before 2022, so it is answered here, from the same
// source: the kernel's getrandom, which never fails for four bytes except when a signal comes in between.

#include <stdint.h>
#include <sys/random.h>
#include <sys/types.h>

__attribute__((visibility("hidden"))) uint32_t arc4random(void);

uint32_t arc4random(void) {
    uint32_t value = 0;
    while (getrandom(&value, sizeof value, 0) != (ssize_t) sizeof value) {
    }
    return value;
}
