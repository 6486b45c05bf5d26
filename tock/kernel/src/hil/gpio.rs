//! Pins.

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

/// Driving a pin.
pub trait Output {
    /// High.
    fn set(&self);
    /// Low.
    fn clear(&self);
    /// The other level; returns the new one.
    fn toggle(&self) -> bool;
}

/// Reading a pin.
pub trait Input {
    /// Whether it is high.
    fn read(&self) -> bool;
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

/// A pin that can be configured, read and driven.
pub trait Pin: Configure + Output + Input {}
impl<T: Configure + Output + Input> Pin for T {}

/// A [`Pin`] with interrupts.
pub trait InterruptPin<'a>: Pin + Interrupt<'a> {}
impl<'a, T: Pin + Interrupt<'a>> InterruptPin<'a> for T {}
