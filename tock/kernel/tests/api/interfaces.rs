//! Serial lines, pins, LEDs and alarms of a chip, and of a capsule on top of it.

use hil::time::{Alarm, AlarmClient, ConvertTicks, Freq1MHz, Frequency, Ticks, Ticks32, Time};
use hil::uart;
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
    pin.toggle();
    pin.make_input();
    pin.set_floating_state(hil::gpio::FloatingState::PullUp);
    pin.enable_interrupts(hil::gpio::InterruptEdge::EitherEdge);
    pin.disable_interrupts();
    pin.read()
}
