/* What the light does: without the device, so that test.c can test it. */

#include <stdint.h>

/* The light that blinks. */
#define LIGHT 0x2u

/* The lights after those that are lit now. */
static inline uint32_t next(uint32_t lights) {
    return lights ^ LIGHT;
}
