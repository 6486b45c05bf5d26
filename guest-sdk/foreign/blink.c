/* A light that blinks and says so, in C; and in C++, as it is.
 * Compiled as docs/languages.md shows. */
#include "berth.h"
#include "mps2_an386.h"

BERTH_BLOCK(fpgaio)

#define SAY(text) berth_log(BERTH_INFO, text, sizeof(text) - 1)

BERTH_EXPORT("_start") void _start(void) {
    berth_handle lights = fpgaio();
    for (;;) {
        berth_modify32(lights, FPGAIO_LED0, FPGAIO_LED0_LED1, FPGAIO_LED0_LED1);
        SAY("on");
        berth_sleep_us(100000);
        berth_modify32(lights, FPGAIO_LED0, FPGAIO_LED0_LED1, 0);
        SAY("off");
        berth_sleep_us(100000);
    }
}
