/* An ordinary WASI command: prints, sleeps, looks at the clock, exits with a code.
 * Compiled as docs/wasi.md shows. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int main(void) {
    long began = now_ms();
    printf("%s from C, %d of %d\n", "hello", 1, 2);
    usleep(20000);
    puts(now_ms() - began >= 20 ? "slept" : "did not sleep");
    fprintf(stderr, "going\n");
    exit(3);
}
