//! Durations as people type them, sizes and durations as people read them.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration: expected a number and s, m, h or d, such as 90s, 10m or 14d")]
pub struct TimespanError(String);

/// A duration as flags and settings write it: `500ms`, `30s`, `10m`, `2h`, `14d`; a bare number counts seconds.
///
/// ```
/// use pyro::cli::quantity::Timespan;
/// let wait: Timespan = "10m".parse()?;
/// assert_eq!(wait.duration().as_secs(), 600);
/// assert_eq!(wait.to_string(), "10m");
/// assert!("ten".parse::<Timespan>().is_err());
/// # Ok::<(), pyro::cli::quantity::TimespanError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timespan(Duration);

/// Units from large to small, in milliseconds.
const UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

impl Timespan {
    /// So many minutes.
    #[must_use]
    pub const fn minutes(minutes: u64) -> Self {
        Self(Duration::from_secs(minutes * 60))
    }

    /// The duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

impl FromStr for Timespan {
    type Err = TimespanError;

    fn from_str(text: &str) -> Result<Self, TimespanError> {
        let wrong = || {
            TimespanError(
                text.chars()
                    .take(40)
                    .flat_map(char::escape_default)
                    .collect(),
            )
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_not_a_number| wrong())?;
        let unit = if unit.is_empty() { "s" } else { unit };
        let millis = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, millis)| number.checked_mul(*millis))
            .ok_or_else(wrong)?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl fmt::Display for Timespan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        let whole = |(_, unit): &&(&str, u64)| millis != 0 && millis.is_multiple_of(*unit);
        match UNITS.iter().find(whole) {
            Some((name, unit)) => write!(f, "{}{name}", millis / unit),
            None => f.write_str("0s"),
        }
    }
}

impl Serialize for Timespan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timespan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Timespan {
    fn schema_name() -> Cow<'static, str> {
        "Timespan".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "a number and its unit: ms, s (also without a unit), m, h or d",
            "pattern": "^[0-9]+(ms|s|m|h|d)?$",
        })
    }
}

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a size: expected a number of bytes, or one with K, M, G or T, such as 20G")]
pub struct SizeError(String);

/// A number of bytes as flags and settings write it: `20G` are GiB, a bare number counts bytes.
///
/// ```
/// use pyro::cli::quantity::Size;
/// assert_eq!("20G".parse::<Size>()?.bytes(), 20 << 30);
/// assert_eq!("512".parse::<Size>()?.to_string(), "512");
/// assert!("2.5G".parse::<Size>().is_err());
/// # Ok::<(), pyro::cli::quantity::SizeError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(u64);

/// Units from large to small, in bytes.
const SIZES: [(&str, u64); 5] = [
    ("T", 1 << 40),
    ("G", 1 << 30),
    ("M", 1 << 20),
    ("K", 1 << 10),
    ("", 1),
];

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn of_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let wrong = || {
            SizeError(
                text.chars()
                    .take(40)
                    .flat_map(char::escape_default)
                    .collect(),
            )
        };
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_not_a_number| wrong())?;
        let unit = unit.strip_suffix("iB").unwrap_or(unit);
        SIZES
            .iter()
            .find(|(name, _)| *name == unit)
            .and_then(|(_, bytes)| number.checked_mul(*bytes))
            .map(Self)
            .ok_or_else(wrong)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |(_, unit): &&(&str, u64)| self.0 != 0 && self.0.is_multiple_of(*unit);
        match SIZES.iter().find(whole) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => f.write_str("0"),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Number(u64),
            Text(Cow<'a, str>),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(bytes) => Ok(Self(bytes)),
            Written::Text(text) => text.parse().map_err(serde::de::Error::custom),
        }
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a number of bytes, or a text with K, M, G or T, which are binary: 20G",
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": "^[0-9]+([KMGT](iB)?)?$"},
            ],
        })
    }
}

/// Shows a number of bytes in binary units with three digits or so: `17 B`, `1.5 MiB`.
///
/// ```
/// use pyro::cli::quantity::Bytes;
/// assert_eq!(Bytes(1_572_864).to_string(), "1.5 MiB");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        // Tenths of the unit, rounded; done in integers so that every machine prints the same.
        let mut unit = 1024_u128;
        let mut name = 0;
        let tenths = |unit: u128| (u128::from(self.0) * 10 + unit / 2) / unit;
        while tenths(unit) >= 10_240 && name + 1 < NAMES.len() {
            unit *= 1024;
            name += 1;
        }
        let tenths = tenths(unit);
        if tenths >= 1000 {
            write!(f, "{} {}", (tenths + 5) / 10, NAMES[name])
        } else {
            write!(f, "{}.{} {}", tenths / 10, tenths % 10, NAMES[name])
        }
    }
}

/// Shows how long something took: `85ms`, `1.2s`, `2m 05s`, `1h 02m`.
///
/// ```
/// use pyro::cli::quantity::Took;
/// assert_eq!(Took(std::time::Duration::from_secs(125)).to_string(), "2m 05s");
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Took(pub Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (millis, seconds) = (self.0.as_millis(), self.0.as_secs());
        match seconds {
            0 => write!(f, "{millis}ms"),
            1..60 => write!(f, "{seconds}.{}s", millis % 1000 / 100),
            60..3600 => write!(f, "{}m {:02}s", seconds / 60, seconds % 60),
            _ => write!(f, "{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_shown_in_the_largest_whole_unit() {
        for (text, shown) in [
            ("0", "0s"),
            ("90", "90s"),
            ("120s", "2m"),
            ("1500ms", "1500ms"),
            ("14d", "14d"),
            ("48h", "2d"),
        ] {
            assert_eq!(
                text.parse::<Timespan>().unwrap().to_string(),
                shown,
                "{text}"
            );
        }
    }

    #[test]
    fn texts_that_are_no_duration_are_refused() {
        for text in [
            "",
            "s",
            "-1s",
            "1.5s",
            "1 s",
            "1w",
            "99999999999999999d",
            "1S",
        ] {
            assert!(text.parse::<Timespan>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_and_shown_in_the_largest_whole_unit() {
        for (text, bytes, shown) in [
            ("0", 0, "0"),
            ("1023", 1023, "1023"),
            ("2048", 2048, "2K"),
            ("20G", 20 << 30, "20G"),
            ("1536M", 1536 << 20, "1536M"),
            ("4GiB", 4 << 30, "4G"),
        ] {
            let size = text.parse::<Size>().unwrap();
            assert_eq!((size.bytes(), size.to_string().as_str()), (bytes, shown));
        }
        for text in ["", "G", "-1", "1.5G", "1 G", "1GB", "1g", "99999999T"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_do_not_jump_at_the_borders_of_units() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (102_300, "99.9 KiB"),
            (102_400, "100 KiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), shown);
        }
    }

    #[test]
    fn short_and_long_times_have_fitting_units() {
        let shown = |millis| Took(Duration::from_millis(millis)).to_string();
        assert_eq!(shown(85), "85ms");
        assert_eq!(shown(1_250), "1.2s");
        assert_eq!(shown(3_720_000), "1h 02m");
    }
}
