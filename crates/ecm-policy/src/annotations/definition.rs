//! What one annotation is.

use std::fmt;

use super::Settings;
use super::setting::Setting;

/// One annotation.
#[derive(Debug)]
pub struct Definition {
    /// Which one.
    pub setting: Setting,
    /// The key.
    pub key: &'static str,
    /// Another spelling of the key that is accepted.
    pub alias: Option<&'static str>,
    /// The cloud resource that it is about.
    pub resource: &'static str,
    /// The values that it takes.
    pub values: Values,
    /// The value that stands for its absence; `None` where there is no such value.
    pub default: Option<&'static str>,
    /// What a change after creation does.
    pub mutability: Mutability,
    /// The objects that it may stand on.
    pub place: Place,
    /// What it is for, in one line.
    pub doc: &'static str,
    /// Where key, values and default come from.
    pub source: &'static str,
}

/// The values that an annotation takes, and where a valid one goes.
#[derive(Debug)]
pub enum Values {
    /// A whole number.
    Number {
        /// The smallest.
        min: u32,
        /// The largest.
        max: u32,
        /// The unit, empty where there is none.
        unit: &'static str,
        /// Puts the number in its place.
        set: fn(&mut Settings, u32),
    },
    /// One of some words. For the spec of a load balancer they are those that are documented; the
    /// list that counts may be another one, see [`super::parse_with_specs`].
    Word {
        /// The words.
        words: &'static [&'static str],
        /// Puts the word in its place; `None` when it is not one of the words.
        set: fn(&mut Settings, &str) -> Option<()>,
    },
    /// One of two words.
    Switch {
        /// The words for off and on.
        words: [&'static str; 2],
        /// Puts it in its place.
        set: fn(&mut Settings, bool),
    },
    /// A text of some shape.
    Text {
        /// What it looks like.
        shape: &'static str,
        /// Puts the text in its place; `None` when it has another shape.
        set: fn(&mut Settings, &str) -> Option<()>,
    },
}

impl Values {
    /// Sets what `value` asks for, or says `None` and changes nothing when it is not allowed.
    pub(super) fn apply(&self, settings: &mut Settings, value: &str) -> Option<()> {
        match self {
            Self::Number { min, max, set, .. } => {
                let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
                let number = value.parse().ok().filter(|_| is_plain)?;
                (*min..=*max)
                    .contains(&number)
                    .then(|| set(settings, number))
            }
            Self::Switch { words, set } => {
                let on = words.iter().position(|word| *word == value)? == 1;
                set(settings, on);
                Some(())
            }
            Self::Word { set, .. } | Self::Text { set, .. } => set(settings, value),
        }
    }
}

impl fmt::Display for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max, unit, .. } => {
                write!(f, "{min} to {max}")?;
                if unit.is_empty() {
                    Ok(())
                } else {
                    write!(f, " {unit}")
                }
            }
            Self::Word { words, .. } => f.write_str(&words.join(", ")),
            Self::Switch {
                words: [off, on], ..
            } => write!(f, "{on}, {off}"),
            Self::Text { shape, .. } => f.write_str(shape),
        }
    }
}

/// What a change after creation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    /// It is applied in place.
    Mutable,
    /// It is refused, and the old value goes on: the Service has to be deleted and made again.
    Immutable,
    /// Something else, which the text says.
    Special(&'static str),
}

impl fmt::Display for Mutability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mutable => "applied in place",
            Self::Immutable => "refused",
            Self::Special(text) => text,
        })
    }
}

/// The objects that an annotation may stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The Service; on a PoolService it counts for that pool alone.
    ServiceOrPoolService,
    /// The Service only; the text says what to do instead on a PoolService.
    ServiceOnly(&'static str),
    /// The PoolService only; the text says what to do instead on a Service.
    PoolServiceOnly(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServiceOrPoolService => "Service, PoolService",
            Self::ServiceOnly(_) => "Service",
            Self::PoolServiceOnly(_) => "PoolService",
        })
    }
}
