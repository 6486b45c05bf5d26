/* Runs on the desk: `make test`. */

#include <assert.h>

#include "light.h"

int main(void) {
    /* The light changes, and no other. */
    assert(next(1) == 3);
    assert(next(next(1)) == 1);
    return 0;
}
