//! Figures for people: sizes, times, and curves as SVG.

use maud::{Markup, html};

/// Width and height of a curve, in units of its own: how large it is shown says the style.
const WIDTH: u32 = 120;
const HEIGHT: u32 = 24;

/// Seconds that a curve shows.
const SHOWN_S: u32 = 120;

/// Bytes: `512 B`, `1.5 KiB`, `2.0 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let in_units = |unit: u64, word: &str| {
        let tenths = bytes.saturating_mul(10) / unit;
        format!("{}.{} {word}", tenths / 10, tenths % 10)
    };
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..0x10_0000 => in_units(1024, "KiB"),
        _ => in_units(0x10_0000, "MiB"),
    }
}

/// A time in its two largest units: `3 h 12 min`.
pub(super) fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{minutes} min {} s", seconds % 60),
        3600..86_400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// Thousandths as per cent: `4.5 %`.
pub(super) fn permille(permille: u16) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// A moment, to the second.
pub(super) fn moment(ms: i64) -> String {
    let since = std::time::Duration::from_millis(ms.unsigned_abs());
    let moment = std::time::UNIX_EPOCH.checked_add(since);
    let text = moment.map(|moment| humantime::format_rfc3339_seconds(moment).to_string());
    text.unwrap_or_default()
        .replace('T', " ")
        .replace('Z', " UTC")
}

/// A curve of values, each with its second, from 0 to `most`; `label` says what it is of, and is read out with the last one.
pub(super) fn curve(points: &[(u32, u32)], most: u32, label: &str, last: &str) -> Markup {
    let most = u64::from(most.max(1));
    let end = points.last().map_or(0, |point| point.0);
    let begin = end.saturating_sub(SHOWN_S);
    let place = |&(at, value): &(u32, u32)| {
        let x = (at - begin) * WIDTH / SHOWN_S;
        let value = u64::from(value).min(most);
        let up = value * u64::from(HEIGHT - 2) / most;
        format!("{},{}", x, u64::from(HEIGHT) - 1 - up)
    };
    let shown: Vec<_> = points
        .iter()
        .filter(|point| point.0 >= begin)
        .map(place)
        .collect();
    let box_of = format!("0 0 {WIDTH} {HEIGHT}");
    let name = format!("{label}: {last}");
    html! {
        svg.curve viewBox=(box_of) preserveAspectRatio="none" role="img" aria-label=(name) {
            @if shown.len() > 1 { polyline points=(shown.join(" ")) {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        for (size, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (0x20_0000, "2.0 MiB"),
        ] {
            assert_eq!(bytes(size), text);
        }
        for (seconds, text) in [
            (59, "59 s"),
            (61, "1 min 1 s"),
            (11_520, "3 h 12 min"),
            (90_000, "1 d 1 h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
        assert_eq!(permille(45), "4.5 %");
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
    }

    #[test]
    fn a_curve_goes_from_its_bottom_to_its_top_and_shows_the_last_seconds() {
        let text = curve(&[(0, 5), (100, 0), (160, 50), (220, 200)], 100, "CPU", "x").into_string();
        assert!(text.contains("points=\"0,23 60,12 120,1\""), "{text}");
        assert!(text.contains("aria-label=\"CPU: x\""), "{text}");
        // One point is no line.
        assert!(
            !curve(&[(0, 1)], 1, "a", "b")
                .into_string()
                .contains("points")
        );
    }
}
