//! Chips on the board's connectors: what an emulated board can have beside itself.
//!
//! All are on the I2C bus of shield 1 (`mmio:i2c_shield1`), at the addresses that their makers' boards give them.

use crate::Error;
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    fmt,
    fs::{self, File},
    path::{Path, PathBuf},
    str::FromStr,
};

/// The kind that further buses are behind.
const SWITCH: &str = "pca9548";

/// The kind that shows something.
const DISPLAY: &str = "ssd0303";

/// A kind of chip.
#[derive(Debug)]
struct Kind {
    /// What people call it, and its name on the board.
    name: &'static str,
    /// QEMU's device.
    device: &'static str,
    /// Address on the bus unless another is given.
    address: u8,
    /// Bytes of the file that it keeps, if it keeps one.
    keeps: Option<u64>,
    /// What it is, and what can be set while it runs.
    what: &'static str,
}

static KINDS: [Kind; 8] = [
    Kind {
        name: "tmp105",
        device: "tmp105",
        address: 0x48,
        keeps: None,
        what: "temperature sensor (as LM75); temperature=25500 sets 25.5 degrees",
    },
    Kind {
        name: "at24c",
        device: "at24c-eeprom",
        address: 0x50,
        keeps: Some(32 * 1024),
        what: "memory of 32 KiB (AT24C256), kept in a file beside the flash image",
    },
    Kind {
        name: "ds1338",
        device: "ds1338",
        address: 0x68,
        keeps: None,
        what: "clock (as DS1307)",
    },
    Kind {
        name: "max7310",
        device: "max7310",
        address: 0x70,
        keeps: None,
        what: "eight pins (registers as PCA9538)",
    },
    Kind {
        name: "pca9552",
        device: "pca9552",
        address: 0x60,
        keeps: None,
        what: "sixteen LEDs; led8=on lets a pin be high",
    },
    Kind {
        name: "pca9548",
        device: "pca9548",
        address: 0x70,
        keeps: None,
        what: "switch to eight further buses; tmp105.3 is a chip on its bus 3",
    },
    Kind {
        name: DISPLAY,
        device: DISPLAY,
        address: 0x3c,
        keeps: None,
        what: "display of 96 by 16 points; `picture ssd0303 FILE` saves what it shows",
    },
    Kind {
        name: "dps310",
        device: "dps310",
        address: 0x77,
        keeps: None,
        what: "barometer with one fixed reading",
    },
];

/// A chip that is to be on the board: `tmp105`, or `tmp105@0x49` at another address than its usual one, or `tmp105.3` on
/// bus 3 of a switch that was attached before.
#[derive(Clone, Debug)]
pub struct Attached {
    kind: &'static Kind,
    address: u8,
    /// The bus of the switch.
    bus: Option<u8>,
}

impl FromStr for Attached {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (text, bus) = match text.split_once('.') {
            Some((text, bus)) => (text, Some(bus_number(bus)?)),
            None => (text, None),
        };
        let (name, address) = match text.split_once('@') {
            Some((name, address)) => (name, Some(address)),
            None => (text, None),
        };
        let Some(kind) = KINDS.iter().find(|kind| kind.name == name) else {
            return Err(format!("no chip is called {name}; there are:\n{}", list()));
        };
        let address = match address {
            None => kind.address,
            Some(text) => number(text).ok_or_else(|| {
                format!(
                    "{text} is no address on an I2C bus: 0x08 to 0x77, as in {name}@{:#04x}",
                    kind.address
                )
            })?,
        };
        Ok(Self { kind, address, bus })
    }
}

/// A bus behind the switch.
fn bus_number(text: &str) -> Result<u8, String> {
    let number = text.parse().ok().filter(|number| *number < 8);
    number.ok_or_else(|| format!("{text} is no bus of a switch: 0 to 7, as in tmp105.3"))
}

/// An address that a device may have: what is below and above has other meanings on the bus.
fn number(text: &str) -> Option<u8> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.ok().filter(|number| (0x08..=0x77).contains(number))
}

/// One line for each kind.
#[must_use]
pub fn list() -> String {
    let lines = KINDS
        .iter()
        .map(|kind| format!("  {:<8} {:#04x}  {}", kind.name, kind.address, kind.what));
    lines.collect::<Vec<_>>().join("\n")
}

/// As it is named in a command: `tmp105`, `tmp105@0x49.3`.
impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)?;
        if self.address != self.kind.address {
            write!(f, "@{:#04x}", self.address)?;
        }
        match self.bus {
            Some(bus) => write!(f, ".{bus}"),
            None => Ok(()),
        }
    }
}

/// Whether all can be beside a board: one at an address, and a switch before those behind it.
///
/// # Errors
/// [`Error::Setting`] says which cannot.
pub(crate) fn fit(chips: &[Attached]) -> Result<(), Error> {
    for (place, chip) in chips.iter().enumerate() {
        let mut before = chips.iter().take(place);
        let is_there = |other: &&Attached| other.address == chip.address && other.bus == chip.bus;
        if let Some(other) = before.clone().find(is_there) {
            let name = chip.kind.name;
            return Err(Error::Setting(format!(
                "{other} and {chip} have one address on one bus: another one is given as {name}@{:#04x}",
                chip.address + 1
            )));
        }
        if chip.bus.is_some() && !before.any(|other| other.kind.name == SWITCH) {
            return Err(Error::Setting(format!(
                "{chip} is behind a switch, and none comes before it: {SWITCH},{chip}"
            )));
        }
    }
    Ok(())
}

impl Attached {
    /// What QEMU has refused to set, in the words of the person who asked for it.
    #[must_use]
    pub fn refused(&self, setting: &str, error: Error) -> Error {
        match error {
            Error::Command { answer, .. } if answer.contains("/machine/peripheral/") => {
                Error::NoChip {
                    chip: self.to_string(),
                }
            }
            Error::Command { answer, .. } => Error::Setting(format!(
                "{self} does not take {setting}: {answer}; it is: {}",
                self.kind.what
            )),
            error => error,
        }
    }

    /// What QEMU has refused to picture, in the words of the person who asked for it.
    #[must_use]
    pub fn not_pictured(&self, error: Error) -> Error {
        match error {
            Error::Command { answer, .. } if answer.contains("not found") => Error::NoChip {
                chip: self.to_string(),
            },
            Error::Command { answer, .. } => {
                Error::Setting(format!("no picture of {self}: {answer}"))
            }
            error => error,
        }
    }

    /// The arguments of QEMU's command `screendump` that saves what it shows.
    ///
    /// # Errors
    /// That it shows nothing.
    pub fn picture(&self, file: &Path) -> Result<Value, String> {
        if self.kind.name != DISPLAY {
            return Err(format!("{self} shows nothing: a display is {DISPLAY}"));
        }
        let is_plain = file.extension().is_some_and(|extension| extension == "ppm");
        let format = if is_plain { "ppm" } else { "png" };
        Ok(json!({ "filename": file, "device": self.id(), "format": format }))
    }

    /// Its name on the board.
    fn id(&self) -> String {
        let bus = self.bus.map_or(String::new(), |bus| format!("-{bus}"));
        format!("{}-{:02x}{bus}", self.kind.name, self.address)
    }

    /// The file it keeps, beside this flash image.
    fn file(&self, flash: &Path) -> PathBuf {
        flash.with_extension(self.id())
    }

    /// Make the file that it keeps, if it keeps one and there is none.
    pub(crate) fn prepare(&self, flash: &Path) -> Result<(), Error> {
        let Some(bytes) = self.kind.keeps else {
            return Ok(());
        };
        let path = self.file(flash);
        if fs::metadata(&path).is_ok_and(|file| file.len() == bytes) {
            return Ok(());
        }
        let made = File::create(&path).and_then(|file| file.set_len(bytes));
        made.map_err(|source| Error::File { path, source })
    }

    /// QEMU's words for it.
    pub(crate) fn words(&self, flash: &Path) -> Vec<OsString> {
        let Self { kind, address, bus } = *self;
        let id = self.id();
        let mut device = format!("{},id={id},address={address:#04x}", kind.device);
        if let Some(bus) = bus {
            device.push_str(&format!(",bus=i2c.{bus}"));
        }
        let mut words = Vec::new();
        if let Some(bytes) = kind.keeps {
            let drive = format!("drive-{id}");
            let mut value = OsString::from(format!("if=none,id={drive},format=raw,file="));
            // A comma in a path is written twice.
            value.push(self.file(flash).to_string_lossy().replace(',', ",,"));
            words.extend(["-drive".into(), value]);
            device.push_str(&format!(",rom-size={bytes},drive={drive}"));
        }
        words.extend(["-device".into(), device.into()]);
        words
    }

    /// The arguments of QEMU's command `qom-set` that sets what `setting` says: `temperature=25500`.
    ///
    /// # Errors
    /// What is wrong with `setting`.
    pub fn set(&self, setting: &str) -> Result<Value, String> {
        let Some((property, value)) = setting.split_once('=') else {
            return Err(format!("{setting}: as in temperature=25500"));
        };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok(json!({
            "path": format!("/machine/peripheral/{}", self.id()),
            "property": property,
            "value": value,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chip_has_its_usual_address_or_the_one_that_is_given() {
        let usual: Attached = "tmp105".parse().unwrap();
        let flash = Path::new("/f/run.bin");
        let words = usual.words(flash);
        assert_eq!(words, ["-device", "tmp105,id=tmp105-48,address=0x48"]);
        let other: Attached = "tmp105@0x49".parse().unwrap();
        assert_eq!(other.words(flash)[1], "tmp105,id=tmp105-49,address=0x49");
        let behind: Attached = "tmp105@0x49.3".parse().unwrap();
        let device = "tmp105,id=tmp105-49-3,address=0x49,bus=i2c.3";
        assert_eq!(behind.words(flash)[1], device);
        assert!("tmp105.8".parse::<Attached>().is_err());
    }

    #[test]
    fn a_display_is_pictured_and_nothing_else() {
        let display: Attached = "ssd0303@0x3d".parse().unwrap();
        let asked = |file: &str| display.picture(Path::new(file)).unwrap()["format"].clone();
        assert_eq!(
            (asked("/a.png"), asked("/a.ppm")),
            ("png".into(), "ppm".into())
        );
        let sensor: Attached = "tmp105".parse().unwrap();
        assert!(sensor.picture(Path::new("/a.png")).is_err());
    }

    #[test]
    fn what_keeps_something_keeps_it_beside_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let flash = folder.path().join("a,b.bin");
        let memory: Attached = "at24c".parse().unwrap();
        memory.prepare(&flash).unwrap();
        let file = folder.path().join("a,b.at24c-50");
        assert_eq!(fs::metadata(&file).unwrap().len(), 32 * 1024);
        fs::write(&file, vec![7; 32 * 1024]).unwrap();
        memory.prepare(&flash).unwrap();
        assert_eq!(fs::read(&file).unwrap()[0], 7);
        let words = memory.words(&flash);
        assert!(words[1].to_string_lossy().ends_with("a,,b.at24c-50"));
    }

    #[test]
    fn what_is_no_chip_is_told_with_those_that_are() {
        let error = "lm75".parse::<Attached>().unwrap_err();
        assert!(
            error.contains("lm75") && error.contains("tmp105"),
            "{error}"
        );
        for address in ["0x78", "0x07", "72x", "", "-1", "0x100"] {
            assert!(format!("tmp105@{address}").parse::<Attached>().is_err());
        }
    }

    #[test]
    fn chips_that_cannot_be_beside_each_other_are_told_before_the_emulator_starts() {
        let fit = |names: &[&str]| {
            let chips: Vec<Attached> = names.iter().map(|name| name.parse().unwrap()).collect();
            fit(&chips).map_err(|error| error.to_string())
        };
        assert_eq!(
            fit(&["tmp105", "tmp105@0x49", "pca9548", "tmp105.3", "tmp105.4"]),
            Ok(())
        );
        let twice = fit(&["tmp105", "tmp105"]).unwrap_err();
        assert!(twice.contains("tmp105@0x49"), "{twice}");
        assert!(fit(&["max7310", "pca9548"]).is_err());
        let alone = fit(&["tmp105.3", "pca9548"]).unwrap_err();
        assert!(alone.contains("pca9548,tmp105.3"), "{alone}");
    }

    #[test]
    fn what_is_refused_is_told_in_the_words_of_who_asked() {
        let chip: Attached = "tmp105@0x49".parse().unwrap();
        let refused = |answer: &str| {
            let (command, answer) = ("qom-set".to_owned(), answer.to_owned());
            chip.refused("temp=5", Error::Command { command, answer })
                .to_string()
        };
        let other = refused("Device '/machine/peripheral/tmp105-49' not found");
        assert!(
            other.contains("no tmp105@0x49") && other.contains("make run DEVICES=tmp105@0x49"),
            "{other}"
        );
        let property = refused("Property 'tmp105.temp' not found");
        assert!(
            property.contains("temperature=25500 sets 25.5 degrees"),
            "{property}"
        );
    }

    #[test]
    fn values_are_numbers_or_words() {
        let chip: Attached = "tmp105".parse().unwrap();
        let set = chip.set("temperature=-5500").unwrap();
        assert_eq!(set["path"], "/machine/peripheral/tmp105-48");
        assert_eq!(set["value"], -5500);
        assert_eq!(chip.set("led8=on").unwrap()["value"], "on");
        assert!(chip.set("temperature").is_err());
    }
}
