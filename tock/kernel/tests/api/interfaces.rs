//! Serial lines, pins, LEDs and alarms of a chip, and of a capsule on top of it.

use hil::time::{Alarm, AlarmClient, ConvertTicks, Freq1MHz, Frequency};
use hil::time::{Ticks, Ticks32, Ticks64, Time, Timestamp};
use hil::uart;
use kernel::utilities::cells::{OptionalCell, TakeCell};
use kernel::{ErrorCode, hil};

struct Line;

impl uart::TransmitClient for Line {
    fn transmitted_buffer(&self, _: &'static mut [u8], _: usize, _: Result<(), ErrorCode>) {}
}

impl uart::ReceiveClient for Line {
    fn received_buffer(
        &self,
        _: &'static mut [u8],
        _: usize,
        _: Result<(), ErrorCode>,
        _: uart::Error,
    ) {
    }
}

fn serial<'a>(
    line: &impl uart::UartData<'a>,
    client: &'a Line,
    buffer: &'static mut [u8],
) -> Result<(), (ErrorCode, &'static mut [u8])> {
    line.set_transmit_client(client);
    line.set_receive_client(client);
    let _: Result<(), ErrorCode> = line.transmit_abort().and(line.receive_abort());
    line.transmit_buffer(buffer, 1)
}

/// A virtualizer's view of the line below it, and a driver's of the virtualizer.
struct Below<'a> {
    whole: &'a dyn uart::Uart<'a>,
    data: &'a dyn uart::UartData<'a>,
    rest: TakeCell<'static, [u8]>,
    client: OptionalCell<&'a dyn uart::ReceiveClient>,
}

impl<'a> Below<'a> {
    fn start(&self) -> Result<(), ErrorCode> {
        self.whole.configure(uart::Parameters {
            baud_rate: 115_200,
            width: uart::Width::Eight,
            stop_bits: uart::StopBits::One,
            parity: uart::Parity::None,
            hw_flow_control: false,
        })?;
        self.data.transmit_word(1).and(self.data.receive_word())
    }

    fn receive(&self, length: usize) -> Result<bool, (ErrorCode, &'static mut [u8])> {
        self.rest.take().map_or_else(
            || {
                let _ = self.whole.receive_abort();
                Ok(true)
            },
            |buffer| {
                let length = length.min(buffer.len());
                self.whole.receive_buffer(buffer, length)?;
                Ok(false)
            },
        )
    }
}

impl uart::TransmitClient for Below<'_> {
    fn transmitted_buffer(
        &self,
        buffer: &'static mut [u8],
        _: usize,
        result: Result<(), ErrorCode>,
    ) {
        self.rest.replace(buffer);
        if result != Ok(()) {
            self.client.clear();
        }
    }
    fn transmitted_word(&self, result: Result<(), ErrorCode>) {
        let _ = result.is_ok();
    }
}

impl uart::ReceiveClient for Below<'_> {
    fn received_buffer(
        &self,
        buffer: &'static mut [u8],
        length: usize,
        result: Result<(), ErrorCode>,
        error: uart::Error,
    ) {
        let aborted = error == uart::Error::Aborted || error == uart::Error::None;
        self.client.map(move |client| {
            client.received_buffer(buffer, length, result, error);
        });
        if aborted && self.rest.map_or(0, |rest| rest.len()) == 0 {
            let _ = self.start();
        }
    }
    fn received_word(&self, _: u32, _: Result<(), ErrorCode>, _: uart::Error) {}
}

fn advanced<'a>(
    line: &impl uart::ReceiveAdvanced<'a>,
    buffer: &'static mut [u8],
) -> Result<(), (ErrorCode, &'static mut [u8])> {
    line.receive_automatic(buffer, 4, 10)
}

fn line_with_silence<'a>(
    line: &'a dyn uart::UartAdvanced<'a>,
    client: &'a Below<'a>,
    error: uart::Error,
) -> Result<(), ErrorCode> {
    line.set_transmit_client(client);
    line.set_receive_client(client);
    match error {
        uart::Error::BreakError | uart::Error::ResetError => line.receive_abort(),
        _ => line.transmit_word(0),
    }
}

/// The whole count of a wide counter, and one half of it.
fn wide(moment: &impl Timestamp<Ticks = Ticks64>) -> (u64, Ticks64) {
    let count: u64 = moment.now().into_u64();
    (count, Ticks64::from(count / 2))
}

/// Arithmetic on counters of any width, as virtualizers do it.
fn earliest<'a, A: Alarm<'a>>(alarm: &A, reference: u32, dt: u32) -> Option<A::Ticks> {
    let (reference, dt) = (A::Ticks::from(reference), A::Ticks::from(dt));
    let end = reference.wrapping_add(dt);
    let half = A::Ticks::half_max_value();
    let mut waits = Some((reference, dt));
    if dt > half.wrapping_add(alarm.minimum_dt()) || !alarm.now().within_range(reference, end) {
        waits = None;
    }
    let _: usize = end.into_usize() + end.into_u32() as usize;
    waits
        .iter()
        .map(|(reference, _)| reference.wrapping_sub(end))
        .min_by_key(|left| (*left).min(A::Ticks::max_value()))
}

impl AlarmClient for Line {
    fn alarm(&self) {}
}

fn time<'a, A: Alarm<'a, Ticks = Ticks32, Frequency = Freq1MHz>>(
    alarm: &A,
    client: &'a Line,
) -> u32 {
    alarm.set_alarm_client(client);
    let now: Ticks32 = alarm.now();
    alarm.set_alarm(now, alarm.ticks_from_ms(5).max(alarm.minimum_dt()));
    let _: Result<(), ErrorCode> = alarm.disarm();
    let _: (bool, Ticks32) = (alarm.is_armed(), alarm.get_alarm());
    let _: u32 = <A::Ticks>::u32_left_justified_scale_freq::<A::Frequency>();
    <A as Time>::Frequency::frequency() + now.wrapping_add(now).into_u32_left_justified()
}

fn leds<P: hil::gpio::Pin>(pin: &P) -> [bool; 2] {
    [
        led(&hil::led::LedHigh::new(pin)),
        led(&hil::led::LedLow::new(pin)),
    ]
}

fn led(led: &impl hil::led::Led) -> bool {
    led.init();
    led.on();
    led.off();
    led.toggle();
    led.read()
}

/// A capsule over several pins, as upstream's for buttons and for pins.
struct Pins<'a, P: hil::gpio::InterruptPin<'a>> {
    pins: &'a [(
        &'a hil::gpio::InterruptValueWrapper<'a, P>,
        hil::gpio::ActivationMode,
    )],
}

impl<'a, P: hil::gpio::InterruptPin<'a>> Pins<'a, P> {
    fn start(&self) -> Result<(), ErrorCode> {
        use hil::gpio::{Configure, InterruptWithValue, Output};
        for (number, &(pin, mode)) in self.pins.iter().enumerate() {
            pin.make_input();
            pin.set_value(number as u32);
            pin.set_floating_state(hil::gpio::FloatingState::PullUp);
            pin.enable_interrupts(hil::gpio::InterruptEdge::RisingEdge)?;
            let _: (bool, u32) = (pin.is_pending(), pin.value());
            pin.write_activation(hil::gpio::ActivationState::Inactive, mode);
            pin.disable_interrupts();
            pin.deactivate_to_low_power();
        }
        Ok(())
    }
}

impl<'a, P: hil::gpio::InterruptPin<'a>> hil::gpio::ClientWithValue for Pins<'a, P> {
    fn fired(&self, value: u32) {
        use hil::gpio::Input;
        if let Some((pin, mode)) = self.pins.get(value as usize) {
            let _ = pin.read_activation(*mode) == hil::gpio::ActivationState::Active;
            let _: u32 = pin.read_activation(*mode) as u32;
        }
    }
}

fn wrapped<P: hil::gpio::InterruptPin<'static>>(
    pin: &'static P,
    client: &'static Pins<'static, P>,
) {
    use hil::gpio::InterruptWithValue;
    let wrapper = Box::leak(Box::new(hil::gpio::InterruptValueWrapper::new(pin))).finalize();
    wrapper.set_client(client);
}

fn numbered<'a>(pin: &impl hil::gpio::InterruptValuePin<'a>) -> u32 {
    pin.value()
}

fn both(pin: &impl hil::gpio::ConfigureInputOutput) -> bool {
    pin.make_input_output();
    pin.is_input_output()
}

fn pin<'a>(pin: &impl hil::gpio::InterruptPin<'a>) -> bool {
    pin.make_output();
    pin.set();
    pin.clear();
    let _: bool = pin.toggle();
    pin.make_input();
    pin.set_floating_state(hil::gpio::FloatingState::PullUp);
    pin.enable_interrupts(hil::gpio::InterruptEdge::EitherEdge);
    pin.disable_interrupts();
    pin.read()
}

/// A chip's driver of pins, and what its maker adds: it is a pin because that is said, as upstream's are.
struct ChipPin;

impl hil::gpio::Configure for ChipPin {
    fn configuration(&self) -> hil::gpio::Configuration {
        hil::gpio::Configuration::InputOutput
    }
    fn make_output(&self) -> hil::gpio::Configuration {
        self.configuration()
    }
    fn disable_output(&self) -> hil::gpio::Configuration {
        self.configuration()
    }
    fn make_input(&self) -> hil::gpio::Configuration {
        self.configuration()
    }
    fn disable_input(&self) -> hil::gpio::Configuration {
        self.configuration()
    }
    fn deactivate_to_low_power(&self) {}
    fn set_floating_state(&self, _: hil::gpio::FloatingState) {}
    fn floating_state(&self) -> hil::gpio::FloatingState {
        hil::gpio::FloatingState::PullNone
    }
}

impl hil::gpio::Output for ChipPin {
    fn set(&self) {}
    fn clear(&self) {}
    fn toggle(&self) -> bool {
        false
    }
}

impl hil::gpio::Input for ChipPin {
    fn read(&self) -> bool {
        false
    }
}

impl<'a> hil::gpio::Interrupt<'a> for ChipPin {
    fn set_client(&self, _: &'a dyn hil::gpio::Client) {}
    fn enable_interrupts(&self, _: hil::gpio::InterruptEdge) {}
    fn disable_interrupts(&self) {}
    fn is_pending(&self) -> bool {
        false
    }
}

impl hil::gpio::Pin for ChipPin {}
impl hil::gpio::InterruptPin<'_> for ChipPin {}

fn selected_by<A: hil::spi::cs::ChipSelectActivePolarity>(
    pin: &ChipPin,
) -> hil::spi::cs::ChipSelectPolar<'_, ChipPin> {
    use hil::gpio::Output;
    use hil::spi::cs::{IntoChipSelect, Polarity};
    if matches!(A::POLARITY, Polarity::High) {
        pin.clear();
    }
    IntoChipSelect::<_, A>::into_cs(pin)
}
