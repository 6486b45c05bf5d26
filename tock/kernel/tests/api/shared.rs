//! What stands between several users and one converter, flash, generator of pulses or of numbers, as upstream's
//! virtualizers of them are written.

use core::cell::Cell;

use kernel::collections::list::{List, ListLink, ListNode};
use kernel::utilities::cells::{OptionalCell, TakeCell};
use kernel::{ErrorCode, hil};

struct Pins<'a, P: hil::pwm::Pwm> {
    pwm: &'a P,
}

struct Pin<'a, P: hil::pwm::Pwm> {
    pins: &'a Pins<'a, P>,
    pin: P::Pin,
}

impl<P: hil::pwm::Pwm> hil::pwm::PwmPin for Pin<'_, P> {
    fn start(&self, frequency_hz: usize, duty_cycle: usize) -> Result<(), ErrorCode> {
        self.pins.pwm.start(&self.pin, frequency_hz, duty_cycle)
    }

    fn stop(&self) -> Result<(), ErrorCode> {
        self.pins.pwm.stop(&self.pin)
    }

    fn get_maximum_frequency_hz(&self) -> usize {
        self.pins.pwm.get_maximum_frequency_hz()
    }

    fn get_maximum_duty_cycle(&self) -> usize {
        self.pins.pwm.get_maximum_duty_cycle()
    }
}

fn half_of_the_time(pin: &dyn hil::pwm::PwmPin) -> Result<(), ErrorCode> {
    pin.start(
        pin.get_maximum_frequency_hz(),
        pin.get_maximum_duty_cycle() / 2,
    )?;
    pin.stop()
}

struct Converter<'a, A: hil::adc::Adc<'a>> {
    adc: &'a A,
    channels: List<'a, Channel<'a, A>>,
    inflight: OptionalCell<&'a Channel<'a, A>>,
}

struct Channel<'a, A: hil::adc::Adc<'a>> {
    converter: &'a Converter<'a, A>,
    channel: A::Channel,
    waits: Cell<bool>,
    next: ListLink<'a, Channel<'a, A>>,
    client: OptionalCell<&'a dyn hil::adc::Client>,
}

impl<'a, A: hil::adc::Adc<'a>> Converter<'a, A> {
    fn next(&self) -> Result<(), ErrorCode> {
        let node = self.channels.iter().find(|node| node.waits.get());
        node.map_or(Ok(()), |node| {
            node.waits.set(false);
            self.inflight.set(node);
            self.adc.sample(&node.channel)
        })
    }
}

impl<'a, A: hil::adc::Adc<'a>> hil::adc::Client for Converter<'a, A> {
    fn sample_ready(&self, sample: u16) {
        self.inflight.take().map(|node| node.sample_ready(sample));
    }
}

impl<'a, A: hil::adc::Adc<'a>> hil::adc::Client for Channel<'a, A> {
    fn sample_ready(&self, sample: u16) {
        self.client.map(move |client| client.sample_ready(sample));
    }
}

impl<'a, A: hil::adc::Adc<'a>> ListNode<'a, Channel<'a, A>> for Channel<'a, A> {
    fn next(&'a self) -> &'a ListLink<'a, Channel<'a, A>> {
        &self.next
    }
}

impl<'a, A: hil::adc::Adc<'a>> hil::adc::AdcChannel<'a> for Channel<'a, A> {
    fn sample(&self) -> Result<(), ErrorCode> {
        self.waits.set(true);
        self.converter.next()
    }

    fn sample_continuous(&self) -> Result<(), ErrorCode> {
        self.converter.adc.sample_continuous(&self.channel, 100)
    }

    fn stop_sampling(&self) -> Result<(), ErrorCode> {
        self.converter.adc.stop_sampling()
    }

    fn get_resolution_bits(&self) -> usize {
        self.converter.adc.get_resolution_bits()
    }

    fn get_voltage_reference_mv(&self) -> Option<usize> {
        self.converter.adc.get_voltage_reference_mv()
    }

    fn set_client(&self, client: &'a dyn hil::adc::Client) {
        self.client.set(client);
    }
}

/// Same channels are one.
fn are_same<'a, A: hil::adc::Adc<'a>>(first: &A::Channel, second: &A::Channel) -> bool {
    first == second
}

fn fast<'a, A: hil::adc::AdcHighSpeed<'a>>(
    adc: &A,
    channel: &A::Channel,
    client: &'a dyn hil::adc::HighSpeedClient,
    buffers: (&'static mut [u16], &'static mut [u16]),
) -> Result<usize, ErrorCode> {
    adc.set_highspeed_client(client);
    adc.sample_highspeed(channel, 8_000, buffers.0, 1, buffers.1, 1)
        .map_err(|(error, _, _)| error)?;
    adc.stop_sampling()?;
    let (first, _) = adc.retrieve_buffers()?;
    let Some(first) = first else { return Ok(0) };
    adc.provide_buffer(first, 1)
        .map(|()| 1)
        .map_err(|(error, _)| error)
}

struct Numbers<'a> {
    rng: &'a dyn hil::rng::Rng<'a>,
    user: OptionalCell<&'a NumbersUser<'a>>,
}

struct NumbersUser<'a> {
    numbers: &'a Numbers<'a>,
    client: OptionalCell<&'a dyn hil::rng::Client>,
}

impl hil::rng::Client for Numbers<'_> {
    fn randomness_available(
        &self,
        randomness: &mut dyn Iterator<Item = u32>,
        error: Result<(), ErrorCode>,
    ) -> hil::rng::Continue {
        self.user.take().map_or(hil::rng::Continue::Done, |user| {
            user.client.map_or(hil::rng::Continue::More, move |client| {
                client.randomness_available(randomness, error)
            })
        })
    }
}

impl<'a> hil::rng::Rng<'a> for NumbersUser<'a> {
    fn get(&self) -> Result<(), ErrorCode> {
        self.numbers.rng.get()
    }

    fn cancel(&self) -> Result<(), ErrorCode> {
        self.numbers.rng.cancel()
    }

    fn set_client(&'a self, client: &'a dyn hil::rng::Client) {
        self.numbers.user.set(self);
        self.client.set(client);
        self.numbers.rng.set_client(self.numbers);
    }
}

fn from_a_seed<'a>(random: &'a dyn hil::rng::Random<'a>) -> u32 {
    random.initialize();
    random.reseed(1);
    random.random()
}

struct Pages<'a, F: hil::flash::Flash + 'static> {
    flash: &'a F,
    user: OptionalCell<&'a PagesUser<'a, F>>,
}

struct PagesUser<'a, F: hil::flash::Flash + 'static> {
    pages: &'a Pages<'a, F>,
    buffer: TakeCell<'static, F::Page>,
    client: OptionalCell<&'a dyn hil::flash::Client<PagesUser<'a, F>>>,
}

impl<F: hil::flash::Flash> hil::flash::Client<F> for Pages<'_, F> {
    fn read_complete(&self, buffer: &'static mut F::Page, result: Result<(), hil::flash::Error>) {
        self.user.take().map(move |user| {
            user.client
                .map(move |client| client.read_complete(buffer, result));
        });
    }

    fn write_complete(&self, buffer: &'static mut F::Page, result: Result<(), hil::flash::Error>) {
        self.user.take().map(move |user| {
            user.client
                .map(move |client| client.write_complete(buffer, result));
        });
    }

    fn erase_complete(&self, result: Result<(), hil::flash::Error>) {
        if result == Err(hil::flash::Error::FlashMemoryProtectionError) {
            return;
        }
        self.user.take().map(move |user| {
            user.client.map(move |client| client.erase_complete(result));
        });
    }
}

impl<'a, F: hil::flash::Flash, C: hil::flash::Client<Self>> hil::flash::HasClient<'a, C>
    for PagesUser<'a, F>
{
    fn set_client(&'a self, client: &'a C) {
        self.pages.user.set(self);
        self.client.set(client);
    }
}

impl<F: hil::flash::Flash> hil::flash::Flash for PagesUser<'_, F> {
    type Page = F::Page;

    fn read_page(
        &self,
        page_number: usize,
        buf: &'static mut Self::Page,
    ) -> Result<(), (ErrorCode, &'static mut Self::Page)> {
        self.pages.flash.read_page(page_number, buf)
    }

    fn write_page(
        &self,
        page_number: usize,
        buf: &'static mut Self::Page,
    ) -> Result<(), (ErrorCode, &'static mut Self::Page)> {
        if let Some(byte) = buf.as_mut().first_mut() {
            *byte = 0;
        }
        self.pages.flash.write_page(page_number, buf)
    }

    fn erase_page(&self, page_number: usize) -> Result<(), ErrorCode> {
        self.pages.flash.erase_page(page_number)
    }
}

fn empty_page<F: hil::flash::Flash>() -> F::Page {
    F::Page::default()
}
