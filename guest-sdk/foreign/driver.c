/* A driver in C: a light through its register, another through the kernel's driver.
 * Compiled as guest-sdk/README.md shows. */
#include "berth.h"
#include "mps2_an386.h"

BERTH_BLOCK(fpgaio)

/* The light: a bit of the register LED0. */
#define LIGHT FPGAIO_LED0_LED1

#define SAY(text) berth_log(BERTH_INFO, text, sizeof(text) - 1)

static uint32_t rounds;

BERTH_EXPORT("_start") void _start(void) {
    berth_handle leds = fpgaio();
    for (;;) {
        berth_modify32(leds, FPGAIO_LED0, LIGHT, LIGHT);
        int32_t error = berth_led_on(0);
        if (error != 0 || berth_led_is_on(0) != 1) {
            SAY("no light 0");
            berth_exit(error);
        }
        SAY("on");
        berth_sleep_us(50000);
        berth_modify32(leds, FPGAIO_LED0, LIGHT, 0);
        berth_led_off(0);
        SAY("off");
        berth_sleep_us(50000);
        if (++rounds == 3) {
            SAY("three times");
        }
    }
}
