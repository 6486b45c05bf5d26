//! A light that blinks and says so, in Zig.
//! Compiled as docs/languages.md shows.

const board = @cImport(@cInclude("mps2_an386.h"));

extern "mmio:fpgaio" fn claim() i32;
extern "mmio" fn modify32(block: i32, offset: u32, mask: u32, value: u32) void;
extern "berth" fn log(level: i32, text: [*]const u8, length: u32) void;
extern "berth" fn sleep_us(microseconds: u64) void;

fn say(comptime text: []const u8) void {
    log(2, text.ptr, text.len);
}

export fn _start() void {
    const lights = claim();
    const light = board.FPGAIO_LED0_LED1;
    while (true) {
        modify32(lights, board.FPGAIO_LED0, light, light);
        say("on");
        sleep_us(100_000);
        modify32(lights, board.FPGAIO_LED0, light, 0);
        say("off");
        sleep_us(100_000);
    }
}
