/* A light that blinks. Each change is logged. */

#include "berth.h"
#include "light.h"

/* The board's lights, by the label that its owner gave them; `berth exposures` lists all labels. */
BERTH_BLOCK(fpgaio)

/* From one change to the next. */
#define PERIOD_US 500000

#define SAY(text) berth_log(BERTH_INFO, text, sizeof(text) - 1)

BERTH_EXPORT("_start") void _start(void) {
    berth_handle block = fpgaio();
    uint32_t lights = 0;
    for (;;) {
        lights = next(lights);
        berth_modify32(block, FPGAIO_LED0, LIGHT, lights);
        if (lights & LIGHT) {
            SAY("on");
        } else {
            SAY("off");
        }
        berth_sleep_us(PERIOD_US);
    }
}
