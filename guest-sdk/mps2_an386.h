/* Labels and registers of one board, for containers in C and C++. Made from exposure.dts.
 *
 * BERTH_BLOCK(label) of berth.h asks for a block. */
#pragma once

/* fpgaio: 24 bytes. */
#define FPGAIO_LED0 0x0u /* 32 bits, readable 0x2, writable 0x2 */
#define FPGAIO_LED0_LED1 0x2u

/* i2c_shield1: 4096 bytes. */
#define I2C_SHIELD1_CONTROL 0x0u /* 32 bits, readable 0x3, writable 0x3 */
#define I2C_SHIELD1_CONTROL_SCL 0x1u
#define I2C_SHIELD1_CONTROL_SDA 0x2u
#define I2C_SHIELD1_CONTROLC 0x4u /* 32 bits, readable 0x0, writable 0x3 */
#define I2C_SHIELD1_CONTROLC_SCL 0x1u
#define I2C_SHIELD1_CONTROLC_SDA 0x2u

/* uart1: 4096 bytes. */
#define UART1_DATA 0x0u /* 32 bits */
#define UART1_DATA_BYTE 0xffu
#define UART1_STATE 0x4u /* 32 bits */
#define UART1_STATE_TXFULL 0x1u
#define UART1_STATE_RXFULL 0x2u
#define UART1_STATE_TXOVERRUN 0x4u
#define UART1_STATE_RXOVERRUN 0x8u
#define UART1_CTRL 0x8u /* 32 bits */
#define UART1_CTRL_TXEN 0x1u
#define UART1_CTRL_RXEN 0x2u
#define UART1_CTRL_TXIE 0x4u
#define UART1_CTRL_RXIE 0x8u
#define UART1_CTRL_TXOIE 0x10u
#define UART1_CTRL_RXOIE 0x20u
#define UART1_CTRL_HSTM 0x40u
#define UART1_INTSTATUS 0xcu /* 32 bits */
#define UART1_INTSTATUS_TX 0x1u
#define UART1_INTSTATUS_RX 0x2u
#define UART1_INTSTATUS_TXO 0x4u
#define UART1_INTSTATUS_RXO 0x8u
#define UART1_BAUDDIV 0x10u /* 32 bits */
#define UART1_BAUDDIV_DIVIDER 0xfffffu
#define UART1_IRQ_RX 0
#define UART1_IRQ_TX 1

/* uart2: 4096 bytes. */
#define UART2_DATA 0x0u /* 32 bits */
#define UART2_DATA_BYTE 0xffu
#define UART2_STATE 0x4u /* 32 bits */
#define UART2_STATE_TXFULL 0x1u
#define UART2_STATE_RXFULL 0x2u
#define UART2_STATE_TXOVERRUN 0x4u
#define UART2_STATE_RXOVERRUN 0x8u
#define UART2_CTRL 0x8u /* 32 bits */
#define UART2_CTRL_TXEN 0x1u
#define UART2_CTRL_RXEN 0x2u
#define UART2_CTRL_TXIE 0x4u
#define UART2_CTRL_RXIE 0x8u
#define UART2_CTRL_TXOIE 0x10u
#define UART2_CTRL_RXOIE 0x20u
#define UART2_CTRL_HSTM 0x40u
#define UART2_INTSTATUS 0xcu /* 32 bits */
#define UART2_INTSTATUS_TX 0x1u
#define UART2_INTSTATUS_RX 0x2u
#define UART2_INTSTATUS_TXO 0x4u
#define UART2_INTSTATUS_RXO 0x8u
#define UART2_BAUDDIV 0x10u /* 32 bits */
#define UART2_BAUDDIV_DIVIDER 0xfffffu
#define UART2_IRQ_RX 0
#define UART2_IRQ_TX 1

/* uart3: 4096 bytes. */
#define UART3_DATA 0x0u /* 32 bits */
#define UART3_DATA_BYTE 0xffu
#define UART3_STATE 0x4u /* 32 bits */
#define UART3_STATE_TXFULL 0x1u
#define UART3_STATE_RXFULL 0x2u
#define UART3_STATE_TXOVERRUN 0x4u
#define UART3_STATE_RXOVERRUN 0x8u
#define UART3_CTRL 0x8u /* 32 bits */
#define UART3_CTRL_TXEN 0x1u
#define UART3_CTRL_RXEN 0x2u
#define UART3_CTRL_TXIE 0x4u
#define UART3_CTRL_RXIE 0x8u
#define UART3_CTRL_TXOIE 0x10u
#define UART3_CTRL_RXOIE 0x20u
#define UART3_CTRL_HSTM 0x40u
#define UART3_INTSTATUS 0xcu /* 32 bits */
#define UART3_INTSTATUS_TX 0x1u
#define UART3_INTSTATUS_RX 0x2u
#define UART3_INTSTATUS_TXO 0x4u
#define UART3_INTSTATUS_RXO 0x8u
#define UART3_BAUDDIV 0x10u /* 32 bits */
#define UART3_BAUDDIV_DIVIDER 0xfffffu
#define UART3_IRQ_RX 0
#define UART3_IRQ_TX 1

/* uart4: 4096 bytes. */
#define UART4_DATA 0x0u /* 32 bits */
#define UART4_DATA_BYTE 0xffu
#define UART4_STATE 0x4u /* 32 bits */
#define UART4_STATE_TXFULL 0x1u
#define UART4_STATE_RXFULL 0x2u
#define UART4_STATE_TXOVERRUN 0x4u
#define UART4_STATE_RXOVERRUN 0x8u
#define UART4_CTRL 0x8u /* 32 bits */
#define UART4_CTRL_TXEN 0x1u
#define UART4_CTRL_RXEN 0x2u
#define UART4_CTRL_TXIE 0x4u
#define UART4_CTRL_RXIE 0x8u
#define UART4_CTRL_TXOIE 0x10u
#define UART4_CTRL_RXOIE 0x20u
#define UART4_CTRL_HSTM 0x40u
#define UART4_INTSTATUS 0xcu /* 32 bits */
#define UART4_INTSTATUS_TX 0x1u
#define UART4_INTSTATUS_RX 0x2u
#define UART4_INTSTATUS_TXO 0x4u
#define UART4_INTSTATUS_RXO 0x8u
#define UART4_BAUDDIV 0x10u /* 32 bits */
#define UART4_BAUDDIV_DIVIDER 0xfffffu
#define UART4_IRQ_RX 0
#define UART4_IRQ_TX 1

/* spi_shield0: 4096 bytes. */
#define SPI_SHIELD0_SSPCR0 0x0u /* 32 bits */
#define SPI_SHIELD0_SSPCR0_DSS 0xfu
#define SPI_SHIELD0_SSPCR0_FRF 0x30u
#define SPI_SHIELD0_SSPCR0_SPO 0x40u
#define SPI_SHIELD0_SSPCR0_SPH 0x80u
#define SPI_SHIELD0_SSPCR0_SCR 0xff00u
#define SPI_SHIELD0_SSPCR1 0x4u /* 32 bits */
#define SPI_SHIELD0_SSPCR1_LBM 0x1u
#define SPI_SHIELD0_SSPCR1_SSE 0x2u
#define SPI_SHIELD0_SSPCR1_MS 0x4u
#define SPI_SHIELD0_SSPCR1_SOD 0x8u
#define SPI_SHIELD0_SSPDR 0x8u /* 32 bits */
#define SPI_SHIELD0_SSPDR_DATA 0xffffu
#define SPI_SHIELD0_SSPSR 0xcu /* 32 bits */
#define SPI_SHIELD0_SSPSR_TFE 0x1u
#define SPI_SHIELD0_SSPSR_TNF 0x2u
#define SPI_SHIELD0_SSPSR_RNE 0x4u
#define SPI_SHIELD0_SSPSR_RFF 0x8u
#define SPI_SHIELD0_SSPSR_BSY 0x10u
#define SPI_SHIELD0_SSPCPSR 0x10u /* 32 bits */
#define SPI_SHIELD0_SSPCPSR_CPSDVSR 0xffu
#define SPI_SHIELD0_SSPIMSC 0x14u /* 32 bits */
#define SPI_SHIELD0_SSPIMSC_ROR 0x1u
#define SPI_SHIELD0_SSPIMSC_RT 0x2u
#define SPI_SHIELD0_SSPIMSC_RX 0x4u
#define SPI_SHIELD0_SSPIMSC_TX 0x8u
#define SPI_SHIELD0_SSPRIS 0x18u /* 32 bits */
#define SPI_SHIELD0_SSPMIS 0x1cu /* 32 bits */
#define SPI_SHIELD0_SSPICR 0x20u /* 32 bits */
#define SPI_SHIELD0_SSPICR_ROR 0x1u
#define SPI_SHIELD0_SSPICR_RT 0x2u
#define SPI_SHIELD0_IRQ_SPI 0

/* spi_shield1: 4096 bytes. */
#define SPI_SHIELD1_SSPCR0 0x0u /* 32 bits */
#define SPI_SHIELD1_SSPCR0_DSS 0xfu
#define SPI_SHIELD1_SSPCR0_FRF 0x30u
#define SPI_SHIELD1_SSPCR0_SPO 0x40u
#define SPI_SHIELD1_SSPCR0_SPH 0x80u
#define SPI_SHIELD1_SSPCR0_SCR 0xff00u
#define SPI_SHIELD1_SSPCR1 0x4u /* 32 bits */
#define SPI_SHIELD1_SSPCR1_LBM 0x1u
#define SPI_SHIELD1_SSPCR1_SSE 0x2u
#define SPI_SHIELD1_SSPCR1_MS 0x4u
#define SPI_SHIELD1_SSPCR1_SOD 0x8u
#define SPI_SHIELD1_SSPDR 0x8u /* 32 bits */
#define SPI_SHIELD1_SSPDR_DATA 0xffffu
#define SPI_SHIELD1_SSPSR 0xcu /* 32 bits */
#define SPI_SHIELD1_SSPSR_TFE 0x1u
#define SPI_SHIELD1_SSPSR_TNF 0x2u
#define SPI_SHIELD1_SSPSR_RNE 0x4u
#define SPI_SHIELD1_SSPSR_RFF 0x8u
#define SPI_SHIELD1_SSPSR_BSY 0x10u
#define SPI_SHIELD1_SSPCPSR 0x10u /* 32 bits */
#define SPI_SHIELD1_SSPCPSR_CPSDVSR 0xffu
#define SPI_SHIELD1_SSPIMSC 0x14u /* 32 bits */
#define SPI_SHIELD1_SSPIMSC_ROR 0x1u
#define SPI_SHIELD1_SSPIMSC_RT 0x2u
#define SPI_SHIELD1_SSPIMSC_RX 0x4u
#define SPI_SHIELD1_SSPIMSC_TX 0x8u
#define SPI_SHIELD1_SSPRIS 0x18u /* 32 bits */
#define SPI_SHIELD1_SSPMIS 0x1cu /* 32 bits */
#define SPI_SHIELD1_SSPICR 0x20u /* 32 bits */
#define SPI_SHIELD1_SSPICR_ROR 0x1u
#define SPI_SHIELD1_SSPICR_RT 0x2u
#define SPI_SHIELD1_IRQ_SPI 0

/* timer0: 4096 bytes. */
#define TIMER0_CTRL 0x0u /* 32 bits */
#define TIMER0_CTRL_ENABLE 0x1u
#define TIMER0_CTRL_EXTEN 0x2u
#define TIMER0_CTRL_EXTCLK 0x4u
#define TIMER0_CTRL_INTEN 0x8u
#define TIMER0_VALUE 0x4u /* 32 bits */
#define TIMER0_RELOAD 0x8u /* 32 bits */
#define TIMER0_INTSTATUS 0xcu /* 32 bits */
#define TIMER0_INTSTATUS_TIMER 0x1u
#define TIMER0_IRQ_TIMER 0

/* dual_timer0: 32 bytes. */
#define DUAL_TIMER0_LOAD 0x0u /* 32 bits */
#define DUAL_TIMER0_VALUE 0x4u /* 32 bits */
#define DUAL_TIMER0_CONTROL 0x8u /* 32 bits */
#define DUAL_TIMER0_CONTROL_ONESHOT 0x1u
#define DUAL_TIMER0_CONTROL_SIZE32 0x2u
#define DUAL_TIMER0_CONTROL_PRESCALE 0xcu
#define DUAL_TIMER0_CONTROL_INTEN 0x20u
#define DUAL_TIMER0_CONTROL_PERIODIC 0x40u
#define DUAL_TIMER0_CONTROL_ENABLE 0x80u
#define DUAL_TIMER0_INTCLR 0xcu /* 32 bits */
#define DUAL_TIMER0_RIS 0x10u /* 32 bits */
#define DUAL_TIMER0_MIS 0x14u /* 32 bits */
#define DUAL_TIMER0_BGLOAD 0x18u /* 32 bits */
#define DUAL_TIMER0_IRQ_TIMER 0

/* dual_timer1: 32 bytes. */
#define DUAL_TIMER1_LOAD 0x0u /* 32 bits */
#define DUAL_TIMER1_VALUE 0x4u /* 32 bits */
#define DUAL_TIMER1_CONTROL 0x8u /* 32 bits */
#define DUAL_TIMER1_CONTROL_ONESHOT 0x1u
#define DUAL_TIMER1_CONTROL_SIZE32 0x2u
#define DUAL_TIMER1_CONTROL_PRESCALE 0xcu
#define DUAL_TIMER1_CONTROL_INTEN 0x20u
#define DUAL_TIMER1_CONTROL_PERIODIC 0x40u
#define DUAL_TIMER1_CONTROL_ENABLE 0x80u
#define DUAL_TIMER1_INTCLR 0xcu /* 32 bits */
#define DUAL_TIMER1_RIS 0x10u /* 32 bits */
#define DUAL_TIMER1_MIS 0x14u /* 32 bits */
#define DUAL_TIMER1_BGLOAD 0x18u /* 32 bits */
#define DUAL_TIMER1_IRQ_TIMER 0
