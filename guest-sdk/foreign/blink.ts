// A light that blinks and says so, in AssemblyScript.
// Compiled as docs/languages.md shows.

@external("mmio:fpgaio", "claim") declare function fpgaio(): i32;
@external("mmio", "modify32") declare function modify32(block: i32, offset: u32, mask: u32, value: u32): void;
@external("berth", "log") declare function log(level: i32, text: usize, length: i32): void;
@external("berth", "sleep_us") declare function sleep_us(microseconds: u64): void;

// The register of the board's lights (`LED0`), and in it the bit of the one that is ours (`LED1`).
const LED0: u32 = 0x0;
const LED1: u32 = 0x2;

// A text is UTF-16 in this language and UTF-8 in a log. At most 40 characters.
const line = memory.data(120);
function say(text: string): void {
  log(2, line, <i32>String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, line));
}

export function _start(): void {
  const lights = fpgaio();
  while (true) {
    modify32(lights, LED0, LED1, LED1);
    say("on");
    sleep_us(100_000);
    modify32(lights, LED0, LED1, 0);
    say("off");
    sleep_us(100_000);
  }
}
