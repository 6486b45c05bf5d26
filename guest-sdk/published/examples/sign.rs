//! `sign`: a text and a circle on a display of 96 by 16 points; `berth run --set text=Closed` shows another text.
//!
//! What draws is the crate `embedded-graphics`, the display's driver the crate `sh1106`. The display is an SSD0303, which has the
//! SH1106's commands and wants them behind another control byte than the crate's interface sends. The crate asks for an
//! interface by a trait, so the container brings its own.

#![no_std]
#![forbid(unsafe_code)]

use berth_guest::{config, error, info};
use embedded_graphics::mono_font::{MonoTextStyle, ascii::FONT_6X10};
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::primitives::{Circle, PrimitiveStyle};
use embedded_graphics::text::Text;
use embedded_hal::i2c::{I2c, Operation};
use sh1106::displayrotation::DisplayRotation;
use sh1106::displaysize::DisplaySize;
use sh1106::interface::DisplayInterface;
use sh1106::mode::{GraphicsMode, displaymode::DisplayModeTrait};
use sh1106::properties::DisplayProperties;

berth_guest::main!(main);

/// Where the display is on the bus.
const ADDRESS: u8 = 0x3c;
/// The first of the controller's columns that leads to the glass.
const LEFT: i32 = 36;

/// What stands before commands, and before points.
const COMMANDS: u8 = 0x80;
const POINTS: u8 = 0x40;

/// The display at its bus.
struct Interface<B>(B);

impl<B: I2c> Interface<B> {
    fn send(&mut self, control: u8, bytes: &[u8]) -> Result<(), B::Error> {
        let mut parts = [Operation::Write(&[control]), Operation::Write(bytes)];
        self.0.transaction(ADDRESS, &mut parts)
    }
}

impl<B: I2c> DisplayInterface for Interface<B> {
    type Error = B::Error;

    fn init(&mut self) -> Result<(), B::Error> {
        Ok(())
    }

    fn send_commands(&mut self, commands: &[u8]) -> Result<(), B::Error> {
        self.send(COMMANDS, commands)
    }

    fn send_data(&mut self, points: &[u8]) -> Result<(), B::Error> {
        self.send(POINTS, points)
    }
}

/// Put the text there, with a circle behind it.
fn show<B: I2c>(bus: B, text: &str) -> Result<(), B::Error> {
    let (size, rotation) = (DisplaySize::Display132x64, DisplayRotation::Rotate0);
    let mut display = GraphicsMode::new(DisplayProperties::new(Interface(bus), size, rotation));
    display.init()?;
    let font = MonoTextStyle::new(&FONT_6X10, BinaryColor::On);
    let line = PrimitiveStyle::with_stroke(BinaryColor::On, 1);
    // Drawing is into memory and does not fail; what is sent may.
    let text = Text::new(text, Point::new(LEFT, 11), font);
    let Ok(_) = text.draw(&mut display);
    let circle = Circle::new(Point::new(LEFT + 80, 1), 14).into_styled(line);
    let Ok(()) = circle.draw(&mut display);
    display.flush()
}

fn main() {
    let text = config::get("text");
    let text = text.as_ref().map_or("Hello, Berth", |text| text.as_str());
    match show(berth_published::bus(), text) {
        Ok(()) => info!("shown: {}", text),
        Err(_) => error!("the display does not answer"),
    }
}
