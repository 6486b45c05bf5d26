/* What the light does: without the device, so that test.c can test it. */

#include <stdint.h>

/* The board's registers by name; of another board its owner has the like (`exposure --header`). */
#include "mps2_an386.h"

/* The light that blinks. */
#define LIGHT FPGAIO_LED0_LED1

/* The lights after those that are lit now. */
static inline uint32_t next(uint32_t lights) {
    return lights ^ LIGHT;
}
