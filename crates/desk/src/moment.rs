//! Times as a model says them: `10ms`, `1s 500ms`.

use serde::{Deserialize, Deserializer, de::Error as _};

/// Microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) u64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let wrong = || D::Error::custom(format!("\"{text}\" is no time, such as 10ms or 2s"));
        let time = humantime::parse_duration(&text).map_err(|_| wrong())?;
        u64::try_from(time.as_micros())
            .map(Self)
            .map_err(|_| wrong())
    }
}
