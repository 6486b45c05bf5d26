//! Interrupt lines of AN386.

/// UART 0 received a byte.
pub const UART0_RX: u32 = 0;
/// UART 0 sent a byte.
pub const UART0_TX: u32 = 1;
/// UART 1 received a byte.
pub const UART1_RX: u32 = 2;
/// UART 1 sent a byte.
pub const UART1_TX: u32 = 3;
/// UART 2 received a byte.
pub const UART2_RX: u32 = 4;
/// UART 2 sent a byte.
pub const UART2_TX: u32 = 5;
/// Timer 0.
pub const TIMER0: u32 = 8;
/// Timer 1.
pub const TIMER1: u32 = 9;
/// Both halves of the dual timer.
pub const DUAL_TIMER: u32 = 10;
/// SPI controllers of the board itself: `APB` and of the display.
pub const SPI_APB_LCD: u32 = 11;
/// Overflow of UART 0, 1 or 2.
pub const UART_OVERFLOW: u32 = 12;
/// Ethernet controller.
pub const ETHERNET: u32 = 13;
/// UART 3 received a byte.
pub const UART3_RX: u32 = 18;
/// UART 3 sent a byte.
pub const UART3_TX: u32 = 19;
/// UART 4 received a byte.
pub const UART4_RX: u32 = 20;
/// UART 4 sent a byte.
pub const UART4_TX: u32 = 21;
/// SPI controller of the converter.
pub const SPI_ADC: u32 = 22;
/// SPI controllers of both shields.
pub const SPI_SHIELDS: u32 = 24;

/// How many lines the controller has.
pub const LINES: usize = 32;
