//! Pins.

use core::cell::Cell;

use crate::ErrorCode;
use crate::utilities::cells::OptionalCell;

/// Resistor that holds an input while nothing drives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FloatingState {
    /// Pulled high.
    PullUp,
    /// Pulled low.
    PullDown,
    /// Not pulled.
    PullNone,
}

/// Which change of level interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InterruptEdge {
    /// Low to high.
    RisingEdge,
    /// High to low.
    FallingEdge,
    /// Both.
    EitherEdge,
}

/// What a pin is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// Lowest power; neither input nor output.
    LowPower,
    /// Input.
    Input,
    /// Output.
    Output,
    /// Output that can be read back.
    InputOutput,
    /// Owned by a peripheral.
    Function,
    /// Something the driver does not know.
    Other,
}

/// Whether what a pin stands for is there: a lit LED, a pressed button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationState {
    /// It is not.
    Inactive = 0,
    /// It is.
    Active = 1,
}

/// Which level of a pin means [`ActivationState::Active`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationMode {
    /// High.
    ActiveHigh,
    /// Low.
    ActiveLow,
}

impl ActivationMode {
    /// Returns whether the pin is high in `state`.
    const fn is_high(self, state: ActivationState) -> bool {
        matches!(
            (self, state),
            (Self::ActiveHigh, ActivationState::Active)
                | (Self::ActiveLow, ActivationState::Inactive)
        )
    }
}

/// Choosing what a pin is used for.
pub trait Configure {
    /// What it is used for now.
    fn configuration(&self) -> Configuration;
    /// Make it an output.
    fn make_output(&self) -> Configuration;
    /// Stop it being an output.
    fn disable_output(&self) -> Configuration;
    /// Make it an input.
    fn make_input(&self) -> Configuration;
    /// Stop it being an input.
    fn disable_input(&self) -> Configuration;
    /// Lowest power.
    fn deactivate_to_low_power(&self);
    /// Choose the pull resistor.
    fn set_floating_state(&self, state: FloatingState);
    /// The pull resistor in use.
    fn floating_state(&self) -> FloatingState;
    /// Whether it is an input.
    fn is_input(&self) -> bool {
        matches!(
            self.configuration(),
            Configuration::Input | Configuration::InputOutput
        )
    }
    /// Whether it is an output.
    fn is_output(&self) -> bool {
        matches!(
            self.configuration(),
            Configuration::Output | Configuration::InputOutput
        )
    }
}

/// A pin that can be input and output at once.
pub trait ConfigureInputOutput: Configure {
    /// Makes it both and returns [`Configuration::InputOutput`].
    fn make_input_output(&self) -> Configuration;
    /// Returns whether it is both.
    fn is_input_output(&self) -> bool;
}

/// Driving a pin.
pub trait Output {
    /// High.
    fn set(&self);
    /// Low.
    fn clear(&self);
    /// The other level; returns the new one.
    fn toggle(&self) -> bool;

    /// Drives it to the level that means `state` in `mode`.
    fn write_activation(&self, state: ActivationState, mode: ActivationMode) {
        if mode.is_high(state) {
            self.set();
        } else {
            self.clear();
        }
    }
}

/// Reading a pin.
pub trait Input {
    /// Whether it is high.
    fn read(&self) -> bool;

    /// Returns what its level means in `mode`.
    fn read_activation(&self, mode: ActivationMode) -> ActivationState {
        if self.read() == mode.is_high(ActivationState::Active) {
            ActivationState::Active
        } else {
            ActivationState::Inactive
        }
    }
}

/// Interrupts of a pin.
pub trait Interrupt<'a>: Input {
    /// Who is told.
    fn set_client(&self, client: &'a dyn Client);
    /// Interrupt on `mode`.
    fn enable_interrupts(&self, mode: InterruptEdge);
    /// No interrupts.
    fn disable_interrupts(&self);
    /// Whether one is pending.
    fn is_pending(&self) -> bool;
}

/// Is told of a pin's interrupts.
pub trait Client {
    /// The pin's level changed as asked.
    fn fired(&self);
}

/// A pin that can be configured, read and driven. Whose driver can do all of it says so: nothing is one by itself.
pub trait Pin: Configure + Output + Input {}

/// A [`Pin`] with interrupts.
pub trait InterruptPin<'a>: Pin + Interrupt<'a> {}

/// Interrupts of a pin whose client learns which of its pins it was.
pub trait InterruptWithValue<'a>: Input {
    /// Sets who is told.
    fn set_client(&self, client: &'a dyn ClientWithValue);
    /// Interrupts on `mode`.
    ///
    /// # Errors
    ///
    /// `FAIL` if the pin has no source of interrupts yet.
    fn enable_interrupts(&self, mode: InterruptEdge) -> Result<(), ErrorCode>;
    /// Stops the interrupts.
    fn disable_interrupts(&self);
    /// Returns whether one is pending.
    fn is_pending(&self) -> bool;
    /// Sets the number that the client is told.
    fn set_value(&self, value: u32);
    /// Returns the number that the client is told.
    fn value(&self) -> u32;
}

/// Is told of the interrupts of several pins.
pub trait ClientWithValue {
    /// The level of the pin with the number `value` changed as asked.
    fn fired(&self, value: u32);
}

/// A pin that can be configured, read and driven, with numbered interrupts.
pub trait InterruptValuePin<'a>: Pin + InterruptWithValue<'a> {}

/// Gives a pin its number: an [`InterruptPin`] as an [`InterruptValuePin`].
pub struct InterruptValueWrapper<'a, IP: InterruptPin<'a>> {
    pin: &'a IP,
    value: Cell<u32>,
    client: OptionalCell<&'a dyn ClientWithValue>,
}

impl<'a, IP: InterruptPin<'a>> InterruptValueWrapper<'a, IP> {
    /// Wraps `pin`, whose number is 0 until [`set_value`](InterruptWithValue::set_value).
    #[must_use]
    pub const fn new(pin: &'a IP) -> Self {
        Self {
            pin,
            value: Cell::new(0),
            client: OptionalCell::empty(),
        }
    }

    /// Becomes the pin's client; once, at boot.
    pub fn finalize(&'static self) -> &'static Self {
        self.pin.set_client(self);
        self
    }
}

impl<'a, IP: InterruptPin<'a>> Pin for InterruptValueWrapper<'a, IP> {}
impl<'a, IP: InterruptPin<'a>> InterruptValuePin<'a> for InterruptValueWrapper<'a, IP> {}

impl<'a, IP: InterruptPin<'a>> Client for InterruptValueWrapper<'a, IP> {
    fn fired(&self) {
        self.client.map(|client| client.fired(self.value.get()));
    }
}

impl<'a, IP: InterruptPin<'a>> InterruptWithValue<'a> for InterruptValueWrapper<'a, IP> {
    fn set_client(&self, client: &'a dyn ClientWithValue) {
        self.client.set(client);
    }

    fn enable_interrupts(&self, mode: InterruptEdge) -> Result<(), ErrorCode> {
        self.pin.enable_interrupts(mode);
        Ok(())
    }

    fn disable_interrupts(&self) {
        self.pin.disable_interrupts();
    }

    fn is_pending(&self) -> bool {
        self.pin.is_pending()
    }

    fn set_value(&self, value: u32) {
        self.value.set(value);
    }

    fn value(&self) -> u32 {
        self.value.get()
    }
}

impl<'a, IP: InterruptPin<'a>> Input for InterruptValueWrapper<'a, IP> {
    fn read(&self) -> bool {
        self.pin.read()
    }
}

impl<'a, IP: InterruptPin<'a>> Output for InterruptValueWrapper<'a, IP> {
    fn set(&self) {
        self.pin.set();
    }

    fn clear(&self) {
        self.pin.clear();
    }

    fn toggle(&self) -> bool {
        self.pin.toggle()
    }
}

impl<'a, IP: InterruptPin<'a>> Configure for InterruptValueWrapper<'a, IP> {
    fn configuration(&self) -> Configuration {
        self.pin.configuration()
    }

    fn make_output(&self) -> Configuration {
        self.pin.make_output()
    }

    fn disable_output(&self) -> Configuration {
        self.pin.disable_output()
    }

    fn make_input(&self) -> Configuration {
        self.pin.make_input()
    }

    fn disable_input(&self) -> Configuration {
        self.pin.disable_input()
    }

    fn deactivate_to_low_power(&self) {
        self.pin.deactivate_to_low_power();
    }

    fn set_floating_state(&self, state: FloatingState) {
        self.pin.set_floating_state(state);
    }

    fn floating_state(&self) -> FloatingState {
        self.pin.floating_state()
    }

    fn is_input(&self) -> bool {
        self.pin.is_input()
    }

    fn is_output(&self) -> bool {
        self.pin.is_output()
    }
}
