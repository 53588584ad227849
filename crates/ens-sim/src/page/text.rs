//! Foreign text within HTML, and how long ago something was.

use std::fmt::{self, Display, Write};

use crate::time::Timestamp;

/// Shows a value with everything escaped that means something in HTML, in text and in quoted attributes.
pub(super) fn escape<T: Display>(value: T) -> impl Display {
    struct Escaped<T>(T);
    impl<T: Display> Display for Escaped<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(Escaper(f), "{}", self.0)
        }
    }
    Escaped(value)
}

struct Escaper<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaper<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '&' => self.0.write_str("&amp;"),
            '<' => self.0.write_str("&lt;"),
            '>' => self.0.write_str("&gt;"),
            '"' => self.0.write_str("&quot;"),
            '\'' => self.0.write_str("&#39;"),
            c => self.0.write_char(c),
        })
    }
}

/// How long ago `then` was, in the largest unit that fits at least once; the instant itself shows under the mouse.
pub(super) fn ago(now: Timestamp, then: Timestamp) -> impl Display {
    struct Ago(u64, Timestamp);
    impl Display for Ago {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let (number, unit) = match self.0 {
                seconds @ 0..60 => (seconds, "s"),
                seconds @ 60..3_600 => (seconds / 60, "min"),
                seconds @ 3_600..86_400 => (seconds / 3_600, "h"),
                seconds => (seconds / 86_400, "d"),
            };
            write!(
                f,
                "<time title=\"{}\">{number} {unit} ago</time>",
                self.1.iso8601()
            )
        }
    }
    Ago(now.since(then).as_secs(), then)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_element_or_its_attribute() {
        assert_eq!(
            escape("<b a=\"1\" b='2'>&").to_string(),
            "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;"
        );
    }

    #[test]
    fn an_age_is_read_at_a_glance() {
        let now = Timestamp(1_698_315_752_000);
        let text = |seconds: i64| ago(now, Timestamp(now.0 - seconds * 1000)).to_string();
        assert_eq!(
            text(0),
            "<time title=\"2023-10-26T10:22:32Z\">0 s ago</time>"
        );
        for (seconds, shown) in [
            (59, "59 s"),
            (60, "1 min"),
            (3_599, "59 min"),
            (7_200, "2 h"),
            (86_400 * 3, "3 d"),
        ] {
            assert!(
                text(seconds).contains(&format!(">{shown} ago<")),
                "{seconds}"
            );
        }
    }
}
