//! Ages, as kubectl prints them.

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// `5s`, `3m10s`, `5h`, `3d1h`, `2y`: k8s.io/apimachinery `pkg/util/duration`.
pub(crate) fn human_duration(seconds: i64) -> String {
    // A clock that is a little behind is no reason to print nonsense.
    if seconds < -1 {
        return "<invalid>".to_owned();
    }
    let seconds = seconds.max(0);
    let with_rest = |unit: i64, name: &str, rest_unit: i64, rest_name: &str| {
        let rest = seconds % unit / rest_unit;
        if rest == 0 {
            format!("{}{name}", seconds / unit)
        } else {
            format!("{}{name}{rest}{rest_name}", seconds / unit)
        }
    };
    match seconds {
        s if s < 2 * MINUTE => format!("{s}s"),
        s if s < 10 * MINUTE => with_rest(MINUTE, "m", 1, "s"),
        s if s < 3 * HOUR => format!("{}m", s / MINUTE),
        s if s < 8 * HOUR => with_rest(HOUR, "h", MINUTE, "m"),
        s if s < 2 * DAY => format!("{}h", s / HOUR),
        s if s < 8 * DAY => with_rest(DAY, "d", HOUR, "h"),
        s if s < 2 * YEAR => format!("{}d", s / DAY),
        s if s < 8 * YEAR => with_rest(YEAR, "y", DAY, "d"),
        s => format!("{}y", s / YEAR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_change_their_unit_where_kubectl_does() {
        let cases = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (190, "3m10s"),
            (600, "10m"),
            (3 * HOUR, "3h"),
            (5 * HOUR + 60, "5h1m"),
            (8 * HOUR, "8h"),
            (47 * HOUR, "47h"),
            (3 * DAY + HOUR, "3d1h"),
            (8 * DAY, "8d"),
            (800 * DAY, "2y70d"),
            (-5, "<invalid>"),
        ];
        for (seconds, text) in cases {
            assert_eq!(human_duration(seconds), text, "{seconds} s");
        }
    }
}
