//! Of upstream's `kernel::hil` what the capsules and the example board use: paths, signatures and derived traits, and no
//! behaviour. They are the same in both versions.

pub mod gpio {
    use crate::ErrorCode;

    #[derive(Clone, Copy, Debug)]
    pub enum FloatingState {
        PullUp,
        PullDown,
        PullNone,
    }

    #[derive(Clone, Copy, Debug)]
    pub enum InterruptEdge {
        RisingEdge,
        FallingEdge,
        EitherEdge,
    }

    #[derive(Clone, Copy, Debug)]
    pub enum Configuration {
        LowPower,
        Input,
        Output,
        InputOutput,
        Function,
        Other,
    }

    pub trait Configure {
        fn configuration(&self) -> Configuration;
        fn make_output(&self) -> Configuration;
        fn disable_output(&self) -> Configuration;
        fn make_input(&self) -> Configuration;
        fn disable_input(&self) -> Configuration;
        fn deactivate_to_low_power(&self);
        fn set_floating_state(&self, state: FloatingState);
        fn floating_state(&self) -> FloatingState;
        fn is_input(&self) -> bool {
            unimplemented!()
        }
        fn is_output(&self) -> bool {
            unimplemented!()
        }
    }

    pub trait Output {
        fn set(&self);
        fn clear(&self);
        fn toggle(&self) -> bool;
    }

    pub trait Input {
        fn read(&self) -> bool;
    }

    pub trait Pin: Configure + Output + Input {}

    pub trait InterruptWithValue<'a>: Input {
        fn set_client(&self, client: &'a dyn ClientWithValue);
        fn enable_interrupts(&self, mode: InterruptEdge) -> Result<(), ErrorCode>;
        fn disable_interrupts(&self);
        fn is_pending(&self) -> bool;
        fn set_value(&self, value: u32);
        fn value(&self) -> u32;
    }

    pub trait ClientWithValue {
        fn fired(&self, value: u32);
    }

    pub trait InterruptValuePin<'a>: Pin + InterruptWithValue<'a> {}
}

pub mod i2c {
    use crate::ErrorCode;

    /// Later ones have more, so nobody may tell them all apart.
    #[derive(Copy, Clone, Debug, Eq, PartialEq)]
    #[non_exhaustive]
    pub enum Error {
        AddressNak,
        DataNak,
        ArbitrationLost,
        Overrun,
        NotSupported,
        Busy,
    }

    impl From<Error> for ErrorCode {
        fn from(error: Error) -> Self {
            unimplemented!()
        }
    }

    pub trait I2CMaster<'a> {
        fn set_master_client(&self, master_client: &'a dyn I2CHwMasterClient);
        fn enable(&self);
        fn disable(&self);
        fn write_read(
            &self,
            addr: u8,
            data: &'static mut [u8],
            write_len: usize,
            read_len: usize,
        ) -> Result<(), (Error, &'static mut [u8])>;
        fn write(
            &self,
            addr: u8,
            data: &'static mut [u8],
            len: usize,
        ) -> Result<(), (Error, &'static mut [u8])>;
        fn read(
            &self,
            addr: u8,
            buffer: &'static mut [u8],
            len: usize,
        ) -> Result<(), (Error, &'static mut [u8])>;
    }

    pub trait I2CHwMasterClient {
        fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), Error>);
    }

    pub trait I2CDevice {
        fn enable(&self);
        fn disable(&self);
        fn write_read(
            &self,
            data: &'static mut [u8],
            write_len: usize,
            read_len: usize,
        ) -> Result<(), (Error, &'static mut [u8])>;
        fn write(
            &self,
            data: &'static mut [u8],
            len: usize,
        ) -> Result<(), (Error, &'static mut [u8])>;
        fn read(
            &self,
            buffer: &'static mut [u8],
            len: usize,
        ) -> Result<(), (Error, &'static mut [u8])>;
    }

    pub trait I2CClient {
        fn command_complete(&self, buffer: &'static mut [u8], status: Result<(), Error>);
    }
}

pub mod led {
    pub trait Led {
        fn init(&self);
        fn on(&self);
        fn off(&self);
        fn toggle(&self);
        fn read(&self) -> bool;
    }
}

pub mod spi {
    use crate::ErrorCode;
    use crate::utilities::leasable_buffer::SubSliceMut;

    #[derive(Copy, Clone, Debug)]
    pub enum DataOrder {
        MSBFirst,
        LSBFirst,
    }

    #[derive(Copy, Clone, Debug, PartialEq)]
    pub enum ClockPolarity {
        IdleLow,
        IdleHigh,
    }

    #[derive(Copy, Clone, Debug, PartialEq)]
    pub enum ClockPhase {
        SampleLeading,
        SampleTrailing,
    }

    pub trait SpiMasterClient {
        fn read_write_done(
            &self,
            write_buffer: SubSliceMut<'static, u8>,
            read_buffer: Option<SubSliceMut<'static, u8>>,
            status: Result<usize, ErrorCode>,
        );
    }

    pub trait SpiMaster<'a> {
        type ChipSelect: Copy;

        fn init(&self) -> Result<(), ErrorCode>;
        fn set_client(&self, client: &'a dyn SpiMasterClient);
        fn is_busy(&self) -> bool;
        fn read_write_bytes(
            &self,
            write_buffer: SubSliceMut<'static, u8>,
            read_buffer: Option<SubSliceMut<'static, u8>>,
        ) -> Result<
            (),
            (
                ErrorCode,
                SubSliceMut<'static, u8>,
                Option<SubSliceMut<'static, u8>>,
            ),
        >;
        fn write_byte(&self, val: u8) -> Result<(), ErrorCode>;
        fn read_byte(&self) -> Result<u8, ErrorCode>;
        fn read_write_byte(&self, val: u8) -> Result<u8, ErrorCode>;
        fn specify_chip_select(&self, cs: Self::ChipSelect) -> Result<(), ErrorCode>;
        fn set_rate(&self, rate: u32) -> Result<u32, ErrorCode>;
        fn get_rate(&self) -> u32;
        fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode>;
        fn get_polarity(&self) -> ClockPolarity;
        fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode>;
        fn get_phase(&self) -> ClockPhase;
        fn hold_low(&self);
        fn release_low(&self);
    }

    pub trait SpiMasterDevice<'a> {
        fn set_client(&self, client: &'a dyn SpiMasterClient);
        fn configure(
            &self,
            cpol: ClockPolarity,
            cpal: ClockPhase,
            rate: u32,
        ) -> Result<(), ErrorCode>;
        fn read_write_bytes(
            &self,
            write_buffer: SubSliceMut<'static, u8>,
            read_buffer: Option<SubSliceMut<'static, u8>>,
        ) -> Result<
            (),
            (
                ErrorCode,
                SubSliceMut<'static, u8>,
                Option<SubSliceMut<'static, u8>>,
            ),
        >;
        fn set_rate(&self, rate: u32) -> Result<(), ErrorCode>;
        fn get_rate(&self) -> u32;
        fn set_polarity(&self, polarity: ClockPolarity) -> Result<(), ErrorCode>;
        fn get_polarity(&self) -> ClockPolarity;
        fn set_phase(&self, phase: ClockPhase) -> Result<(), ErrorCode>;
        fn get_phase(&self) -> ClockPhase;
    }
}

pub mod time {
    use crate::ErrorCode;
    use core::fmt::Debug;

    pub trait Ticks: Clone + Copy + From<u32> + Debug + Ord + PartialOrd + Eq {
        fn width() -> u32;
        fn into_usize(self) -> usize;
        fn into_u32(self) -> u32;
        fn into_u32_left_justified(self) -> u32;
        fn u32_padding() -> u32 {
            unimplemented!()
        }
        fn u32_left_justified_scale_freq<F: Frequency>() -> u32 {
            unimplemented!()
        }
        fn from_u32_left_justified(val: u32) -> Self;
        fn wrapping_add(self, other: Self) -> Self;
        fn wrapping_sub(self, other: Self) -> Self;
        fn within_range(self, start: Self, end: Self) -> bool;
        fn max_value() -> Self;
        fn half_max_value() -> Self;
        fn from_or_max(val: u64) -> Self;
        fn saturating_scale(self, numerator: u32, denominator: u32) -> u32;
    }

    pub trait Frequency {
        fn frequency() -> u32;
    }

    pub trait Time {
        type Frequency: Frequency;
        type Ticks: Ticks;
        fn now(&self) -> Self::Ticks;
    }

    pub trait ConvertTicks<T: Ticks> {
        fn ticks_from_seconds(&self, s: u32) -> T;
        fn ticks_from_ms(&self, ms: u32) -> T;
        fn ticks_from_us(&self, us: u32) -> T;
        fn ticks_to_seconds(&self, tick: T) -> u32;
        fn ticks_to_ms(&self, tick: T) -> u32;
        fn ticks_to_us(&self, tick: T) -> u32;
    }

    pub trait AlarmClient {
        fn alarm(&self);
    }

    pub trait Alarm<'a>: Time {
        fn set_alarm_client(&self, client: &'a dyn AlarmClient);
        fn set_alarm(&self, reference: Self::Ticks, dt: Self::Ticks);
        fn get_alarm(&self) -> Self::Ticks;
        fn disarm(&self) -> Result<(), ErrorCode>;
        fn is_armed(&self) -> bool;
        fn minimum_dt(&self) -> Self::Ticks;
    }

    #[derive(Debug)]
    pub enum Freq32KHz {}
    impl Frequency for Freq32KHz {
        fn frequency() -> u32 {
            unimplemented!()
        }
    }

    macro_rules! ticks {
        ($name:ident) => {
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
            pub struct $name(u32);

            impl From<u32> for $name {
                fn from(value: u32) -> Self {
                    Self(value)
                }
            }

            impl Ticks for $name {
                fn width() -> u32 {
                    unimplemented!()
                }
                fn into_usize(self) -> usize {
                    unimplemented!()
                }
                fn into_u32(self) -> u32 {
                    unimplemented!()
                }
                fn into_u32_left_justified(self) -> u32 {
                    unimplemented!()
                }
                fn from_u32_left_justified(val: u32) -> Self {
                    unimplemented!()
                }
                fn wrapping_add(self, other: Self) -> Self {
                    unimplemented!()
                }
                fn wrapping_sub(self, other: Self) -> Self {
                    unimplemented!()
                }
                fn within_range(self, start: Self, end: Self) -> bool {
                    unimplemented!()
                }
                fn max_value() -> Self {
                    unimplemented!()
                }
                fn half_max_value() -> Self {
                    unimplemented!()
                }
                fn from_or_max(val: u64) -> Self {
                    unimplemented!()
                }
                fn saturating_scale(self, numerator: u32, denominator: u32) -> u32 {
                    unimplemented!()
                }
            }
        };
    }
    ticks!(Ticks24);
    ticks!(Ticks32);
}

pub mod uart {
    use crate::ErrorCode;

    #[derive(Copy, Clone, Debug, PartialEq)]
    pub enum Error {
        None,
        ParityError,
        FramingError,
        OverrunError,
        RepeatCallError,
        ResetError,
        BreakError,
        Aborted,
    }

    pub trait UartData<'a>: Transmit<'a> + Receive<'a> {}
    impl<'a, T: Transmit<'a> + Receive<'a>> UartData<'a> for T {}

    pub trait Transmit<'a> {
        fn set_transmit_client(&self, client: &'a dyn TransmitClient);
        fn transmit_buffer(
            &self,
            tx_buffer: &'static mut [u8],
            tx_len: usize,
        ) -> Result<(), (ErrorCode, &'static mut [u8])>;
        fn transmit_word(&self, word: u32) -> Result<(), ErrorCode>;
        fn transmit_abort(&self) -> Result<(), ErrorCode>;
    }

    pub trait Receive<'a> {
        fn set_receive_client(&self, client: &'a dyn ReceiveClient);
        fn receive_buffer(
            &self,
            rx_buffer: &'static mut [u8],
            rx_len: usize,
        ) -> Result<(), (ErrorCode, &'static mut [u8])>;
        fn receive_word(&self) -> Result<(), ErrorCode>;
        fn receive_abort(&self) -> Result<(), ErrorCode>;
    }

    pub trait TransmitClient {
        fn transmitted_word(&self, _rval: Result<(), ErrorCode>) {}
        fn transmitted_buffer(
            &self,
            tx_buffer: &'static mut [u8],
            tx_len: usize,
            rval: Result<(), ErrorCode>,
        );
    }

    pub trait ReceiveClient {
        fn received_word(&self, _word: u32, _rval: Result<(), ErrorCode>, _error: Error) {}
        fn received_buffer(
            &self,
            rx_buffer: &'static mut [u8],
            rx_len: usize,
            rval: Result<(), ErrorCode>,
            error: Error,
        );
    }
}
