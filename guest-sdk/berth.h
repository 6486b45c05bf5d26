/* What a container in C is written against.
 *
 * The same imports as the Rust crate beside this file; its documentation says
 * what each does. For C and C++. Build with clang and its linker:
 *
 *   clang --target=wasm32 -Oz -nostdlib -z stack-size=512 -Wl,--no-entry,--stack-first \
 *       -Wl,--strip-all,--export=__heap_base -o driver.wasm driver.c
 *
 * and upload it as it is: `berth upload` makes a package of it on the way, whose memory has
 * exactly the bytes that stack and variables take (`pack` does so without a device).
 *
 * The entry point is `void _start(void)`, marked BERTH_EXPORT("_start"). foreign/driver.c is an
 * example.
 */
#ifndef BERTH_H
#define BERTH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_IMPORT(module, name) \
    __attribute__((import_module(module), import_name(name)))
#define BERTH_EXPORT(name) __attribute__((export_name(name)))

/* Levels of a log line. */
enum berth_level {
    BERTH_ERROR = 0, /* something failed */
    BERTH_WARN = 1,  /* something is odd */
    BERTH_INFO = 2,  /* worth knowing in normal operation */
    BERTH_DEBUG = 3  /* only worth knowing to the author */
};

/* Log `length` bytes of UTF-8 text as one line. */
BERTH_IMPORT("berth", "log")
void berth_log(int32_t level, const char *text, uint32_t length);

/* Microseconds since the device started. */
BERTH_IMPORT("berth", "now_us")
uint64_t berth_now_us(void);

/* Sleep at least this long; other containers run meanwhile. */
BERTH_IMPORT("berth", "sleep_us")
void berth_sleep_us(uint64_t microseconds);

/* Let other containers run before going on. */
BERTH_IMPORT("berth", "yield")
void berth_yield(void);

/* End the container; 0 means that all is well. */
BERTH_IMPORT("berth", "exit")
__attribute__((noreturn)) void berth_exit(int32_t code);

/* Error numbers, those of Tock. */
enum berth_error {
    BERTH_OK = 0,
    BERTH_FAIL = 1,      /* the flash failed */
    BERTH_BUSY = 2,      /* again later */
    BERTH_INVAL = 6,     /* not a name */
    BERTH_SIZE = 7,      /* too long */
    BERTH_NOMEM = 9,     /* the device has no memory for it */
    BERTH_NODEVICE = 11  /* nobody there */
};

/* Let the device keep at most 1024 bytes until the next save or the container's
 * deletion. In `void _pause(void)`, marked BERTH_EXPORT("_pause"), which runs when the
 * operator pauses the container, it also gives back memory and blocks: `_start` begins
 * anew when the container is resumed. 0, BERTH_SIZE or BERTH_NOMEM. */
BERTH_IMPORT("berth", "state_save")
int32_t berth_state_save(const void *state, uint32_t length);

/* Copy what is kept to `buffer`; how long it is, which may be more than fits. */
BERTH_IMPORT("berth", "state_load")
uint32_t berth_state_load(void *buffer, uint32_t length);

/* Copy a setting that the operator chose (`berth upload --set NAME=VALUE`) to `buffer`: text, without a zero behind it. Its
 * length, which may be more than fits; -1 if there is none. Suspends for a moment, as the next four but one do. */
BERTH_IMPORT("berth", "config_get")
int32_t berth_config_get(const char *name, uint32_t name_length, char *buffer, uint32_t length);

/* How often the configuration was changed: another number than before says that it is to be read again. */
BERTH_IMPORT("berth", "config_changes")
uint32_t berth_config_changes(void);

/* Copy the value of a name to `buffer`. Its length, which may be more than fits; -1 if there is none. */
BERTH_IMPORT("berth", "value_get")
int32_t berth_value_get(const char *name, uint32_t name_length, void *buffer, uint32_t length);

/* Give a name (1 to 32 of a-z A-Z 0-9 . _ -) a value, which is in flash when this returns and stays until the container is
 * deleted. 0, BERTH_INVAL (no name), BERTH_SIZE (more than the operator lets it have), BERTH_NOMEM, BERTH_FAIL, or a
 * negative number: the writes of the day are used up, again in so many milliseconds. */
BERTH_IMPORT("berth", "value_set")
int32_t berth_value_set(const char *name, uint32_t name_length, const void *value, uint32_t length);

/* Remove a name and its value; the same numbers. */
BERTH_IMPORT("berth", "value_remove")
int32_t berth_value_remove(const char *name, uint32_t name_length);

/* Send at most 64 bytes to the container of this name; it is copied, nothing waits.
 * 0, BERTH_BUSY (its queue is full), BERTH_SIZE, BERTH_NOMEM or BERTH_NODEVICE (no such
 * container is active). */
BERTH_IMPORT("berth", "send")
int32_t berth_send(const char *name, uint32_t name_length, const void *message, uint32_t length);

/* Wait for a message; others run meanwhile. Its length; what is longer than the buffer is cut.
 * `from`: NULL, or 32 bytes that get the sender's name, padded with zeros. */
BERTH_IMPORT("berth", "receive")
uint32_t berth_receive(void *buffer, uint32_t length, char *from);

/* BERTH_BLOCK(fpgaio) declares `berth_handle fpgaio(void)`: asks for the block
 * of registers that the device's owner exposes under that label. Using it makes
 * the block a requirement of the container. */
typedef int32_t berth_handle;
#define BERTH_BLOCK(label) \
    BERTH_IMPORT("mmio:" #label, "claim") berth_handle label(void);

/* BERTH_IRQ(uart1, serial) declares serial_register and serial_unregister for the
 * interrupts of the block uart1, which the container then holds.
 *
 * serial_register: `handler` is called for one interrupt of the block. `how` is the number
 * of the interrupt in its block times 256, plus the priority, 0 to 255: of handlers that
 * wait the lowest runs first. The `count` registers of the list `captures` are read before.
 * 0, or a negated error code of Tock. The device calls handlers through the module's function table, which
 * `berth upload` and `pack` export for it.
 *
 * serial_unregister: ends all registrations of the block.
 *
 * A handler runs between any two instructions of the rest, so what both use is volatile. */
typedef void (*berth_handler)(uint32_t source, uint32_t count);
struct berth_capture {
    uint16_t offset;           /* in bytes from the start of the block */
    uint8_t bytes;             /* width of the read: 1, 2 or 4 */
    uint8_t place;             /* 0: it goes to the target. 1: the first read of the register in the handler gets it,
                                  and a conveyor that mirrors the register has it; the target is NULL then */
    volatile uint32_t *target; /* where the value goes, as 32 bits */
};
#define BERTH_IRQ(label, name)                                                  \
    BERTH_IMPORT("irq:" #label, "register")                                     \
    int32_t name##_register(uint32_t how, berth_handler handler,                \
                            const struct berth_capture *captures, uint32_t count); \
    BERTH_IMPORT("irq:" #label, "unregister") void name##_unregister(void);

/* BERTH_CONVEYOR(spi_shield0, spi) declares spi_attach, spi_sync and spi_detach for a conveyor of the block spi_shield0, which the
 * container then holds: registers that are mirrored in memory.
 *
 * spi_attach: the `moves` of `list`, 1 to 16, are checked and kept; what is not allowed stops the container with a trap. Their
 * values lie in `memory`, which has at most 256 bytes. `when` is BERTH_ASKED, BERTH_EVERY_US(n) or BERTH_AT_INTERRUPT(n). 0, or a
 * negated error code of Tock: BERTH_BUSY (the block has one), BERTH_NOMEM.
 *
 * spi_sync: makes `count` moves from the `first` one on, counted from 0. 0. spi_detach: ends it.
 *
 * Memory that is synchronised at other times than in spi_sync is volatile. */
struct berth_move {
    uint16_t offset;   /* of the register in the block, in bytes: a multiple of the width */
    uint8_t bytes;     /* width of an access: 1, 2 or 4 */
    uint8_t direction; /* 0: from the register into memory, 1: from memory into the register */
    uint16_t place;    /* of the first value in memory, in bytes: a multiple of the width */
    uint16_t count;    /* accesses one after the other, all moves together at most 40 */
};
#define BERTH_ASKED 0u
#define BERTH_EVERY_US(period) ((uint32_t)(period) << 2 | 1u)
#define BERTH_AT_INTERRUPT(number) ((uint32_t)(number) << 2 | 2u)
#define BERTH_CONVEYOR(label, name)                                               \
    BERTH_IMPORT("conveyor:" #label, "attach")                                    \
    int32_t name##_attach(const struct berth_move *list, uint32_t moves,          \
                          volatile void *memory, uint32_t when);                  \
    BERTH_IMPORT("conveyor:" #label, "sync")                                      \
    int32_t name##_sync(uint32_t first, uint32_t count);                          \
    BERTH_IMPORT("conveyor:" #label, "detach") void name##_detach(void);

/* Access to a claimed block; offsets in bytes. What the owner does not permit
 * stops the container with a trap. */
BERTH_IMPORT("mmio", "read8")
uint32_t berth_read8(berth_handle block, uint32_t offset);
BERTH_IMPORT("mmio", "read16")
uint32_t berth_read16(berth_handle block, uint32_t offset);
BERTH_IMPORT("mmio", "read32")
uint32_t berth_read32(berth_handle block, uint32_t offset);
BERTH_IMPORT("mmio", "write8")
void berth_write8(berth_handle block, uint32_t offset, uint32_t value);
BERTH_IMPORT("mmio", "write16")
void berth_write16(berth_handle block, uint32_t offset, uint32_t value);
BERTH_IMPORT("mmio", "write32")
void berth_write32(berth_handle block, uint32_t offset, uint32_t value);

/* Change the bits of `mask` to those of `value`, leave the others. */
BERTH_IMPORT("mmio", "modify32")
void berth_modify32(berth_handle block, uint32_t offset, uint32_t mask, uint32_t value);

/* Carry out a register program: `length` bytes of instructions for one block, as docs/register-programs.md describes them. All
 * of it is checked before the first access; what is not allowed stops the container with a trap. It takes the
 * `input_length` bytes of its input and puts what it reads to `output`, which must not overlap the others. Others run meanwhile, if it
 * is long.
 *
 * How many bytes it put out, or a negative number: bits 0 to 7 an error number (13: a device did not become ready, 2: the block
 * has a program under way, 9: no room for one more), bits 8 to 15 the index of the instruction, bits 16 to 30 how many
 * bytes it put out before. */
BERTH_IMPORT("program", "run")
int32_t berth_program_run(berth_handle block, const void *program, uint32_t length,
                          const void *input, uint32_t input_length,
                          void *output, uint32_t output_length);

/* The lights of the kernel's driver, numbered from 0: for a container that needs no register, only
 * a light. Importing one is refused on a board without lights. */

/* How many the driver has; not all of them need to be exposed. */
BERTH_IMPORT("tock:led", "count")
uint32_t berth_led_count(void);

/* Switch one. 0, or the error number of the driver: it is not exposed, or there is none. */
BERTH_IMPORT("tock:led", "on")
int32_t berth_led_on(uint32_t number);
BERTH_IMPORT("tock:led", "off")
int32_t berth_led_off(uint32_t number);
BERTH_IMPORT("tock:led", "toggle")
int32_t berth_led_toggle(uint32_t number);

/* 1: it is on; 0: off; -1: it is not exposed, or there is none. */
BERTH_IMPORT("tock:led", "is_on")
int32_t berth_led_is_on(uint32_t number);

/* The kernel's SPI bus: at most 1,024 bytes a transfer; main waits until it is over. 0, or a Tock error code: 6 no byte, no such rate
 * or mode, 7 too long, 8 paused meanwhile. `rate`: bits a second at most; `mode`: 0 to 3. */
BERTH_IMPORT("tock:spi", "configure")
int32_t berth_spi_configure(uint32_t rate, uint32_t mode);
BERTH_IMPORT("tock:spi", "transfer")
int32_t berth_spi_transfer(const void *out, void *in, uint32_t length);
BERTH_IMPORT("tock:spi", "read")
int32_t berth_spi_read(void *in, uint32_t length);
BERTH_IMPORT("tock:spi", "write")
int32_t berth_spi_write(const void *out, uint32_t length);

/* The kernel's I2C bus: at most 128 bytes in each direction; main waits until it is over. As above, and 13: nobody answers. */
BERTH_IMPORT("tock:i2c", "read")
int32_t berth_i2c_read(uint32_t address, void *in, uint32_t length);
BERTH_IMPORT("tock:i2c", "write")
int32_t berth_i2c_write(uint32_t address, const void *out, uint32_t length);
BERTH_IMPORT("tock:i2c", "write_read")
int32_t berth_i2c_write_read(uint32_t address, const void *out, uint32_t out_length, void *in, uint32_t in_length);

/* The kernel's UART: at most 256 bytes at once; main waits until all have left, or have come. 0, or a Tock error code, as above. */
BERTH_IMPORT("tock:uart", "write")
int32_t berth_uart_write(const void *out, uint32_t length);
BERTH_IMPORT("tock:uart", "read")
int32_t berth_uart_read(void *in, uint32_t length);

/* The pins of the kernel's driver, numbered from 0; active is high. 0, or a Tock error code: 6 no such pin or resistor, 11 not exposed.
 * `pull`: 0 none, 1 up, 2 down. */
BERTH_IMPORT("tock:gpio", "count")
uint32_t berth_gpio_count(void);
BERTH_IMPORT("tock:gpio", "make_output")
int32_t berth_gpio_make_output(uint32_t number);
BERTH_IMPORT("tock:gpio", "make_input")
int32_t berth_gpio_make_input(uint32_t number, uint32_t pull);
BERTH_IMPORT("tock:gpio", "set_active")
int32_t berth_gpio_set_active(uint32_t number);
BERTH_IMPORT("tock:gpio", "set_inactive")
int32_t berth_gpio_set_inactive(uint32_t number);
BERTH_IMPORT("tock:gpio", "toggle")
int32_t berth_gpio_toggle(uint32_t number);

/* 1: it is high; 0: low; -1: it is not exposed, or there is none. */
BERTH_IMPORT("tock:gpio", "is_active")
int32_t berth_gpio_is_active(uint32_t number);

/* The device's clock in nanoseconds, by the names of wasi:clocks; main waits. `now` puts the time where `at` points. */
BERTH_IMPORT("tock:alarm", "now")
int32_t berth_alarm_now(uint64_t *at);
BERTH_IMPORT("tock:alarm", "resolution")
uint32_t berth_alarm_resolution(void);
BERTH_IMPORT("tock:alarm", "wait_for")
void berth_alarm_wait_for(uint64_t nanoseconds);
BERTH_IMPORT("tock:alarm", "wait_until")
void berth_alarm_wait_until(uint64_t when);

#ifdef __cplusplus
}
#endif

#endif
