// A task in WASMICO's form: link functions imported one by one, _start with a setup and an
// endless loop, _pause that says where the state lies. Compiled as docs/wasmico.md shows.
#include <stdint.h>
#include <cstddef>

#define WASM_EXPORT extern "C" __attribute__((used)) __attribute__((visibility("default")))
#define WASM_IMPORT(MODULE, NAME) __attribute__((import_module(MODULE), import_name(NAME)))

extern "C" {
WASM_IMPORT("arduino", "millis") uint32_t millis(void);
WASM_IMPORT("arduino", "delay") void delay(uint32_t ms);
WASM_IMPORT("arduino", "pinMode") void pinMode(uint32_t pin, uint32_t mode);
WASM_IMPORT("arduino", "digitalWrite") void digitalWrite(uint32_t pin, uint32_t value);
WASM_IMPORT("arduino", "getPinLED") uint32_t getPinLED(void);
WASM_IMPORT("arduino", "print") void print(const char *text, size_t length);
WASM_IMPORT("arduino", "printInt") void printInt(int number);
WASM_IMPORT("arduino", "printDouble") void printDouble(double number);
WASM_IMPORT("arduino", "pauseTask")
void pauseTask(const uint8_t *state, size_t length, const char *filename);
WASM_IMPORT("arduino", "resumeTask")
int resumeTask(const uint8_t *state, size_t length, const char *filename);
WASM_IMPORT("arduino", "getFreeHeapSize") uint32_t getFreeHeapSize(void);
WASM_IMPORT("arduino", "getInitialFreeHeapSize") uint32_t getInitialFreeHeapSize(void);
}

static void say(const char *text) {
    size_t length = 0;
    while (text[length]) {
        length++;
    }
    print(text, length);
}

static const char *filename = "/tasks/task.wasm";
// Four bytes of state, and a variable without a first value beyond everything else.
static uint8_t state[4];
static uint8_t history[600];
static uint32_t round_number;
static uint32_t led;

static void _setup() {
    led = getPinLED();
    pinMode(led, 1);
    if (resumeTask(state, sizeof state, filename)) {
        round_number = state[0];
        say("state was found, round ");
    } else {
        say("a new task, round ");
    }
    printInt((int)round_number);
    say("\n");
    say(getInitialFreeHeapSize() > getFreeHeapSize() ? "holds memory\n" : "holds no memory\n");
}

static void _loop() {
    uint32_t began = millis();
    digitalWrite(led, round_number & 1);
    history[round_number % sizeof history] = (uint8_t)round_number;
    round_number++;
    delay(50);
    if (round_number % 4 == 0) {
        say("a quarter of it is ");
        printDouble(round_number / -4.0);
        say(millis() - began >= 50 ? ", slept\n" : ", did not sleep\n");
    }
}

WASM_EXPORT void _start() {
    _setup();
    while (1) {
        _loop();
    }
}

WASM_EXPORT void _pause() {
    state[0] = (uint8_t)round_number;
    say("calling pause operation\n");
    pauseTask(state, sizeof state, filename);
}
