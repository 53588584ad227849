//! Where in an object something is, as errors name it: `spec.ports[0].name`.

use std::fmt;

/// A path that becomes text only where somebody is told of it.
pub(crate) enum Place<'a> {
    /// The object itself.
    Root,
    /// A field of it.
    Field(&'a Place<'a>, &'a str),
    /// An item of a list, from 0.
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, name) => f.write_str(name),
            Self::Field(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}
