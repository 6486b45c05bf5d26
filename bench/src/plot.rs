//! Figures as pictures: lines over two axes, in SVG, for light and dark pages.

use std::fmt::Write as _;

use crate::figure::number;

/// How an axis is divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Evenly, from zero on.
    Linear,
    /// By powers of two.
    Doubling,
}

/// Points that belong together.
#[derive(Clone, Debug)]
pub struct Line {
    /// What they are.
    pub name: String,
    /// Each with its place on both axes, from left to right.
    pub points: Vec<(f64, f64)>,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Its file's name without the ending, below `docs/measurements/`.
    pub name: &'static str,
    /// What it shows, for who does not see it.
    pub title: &'static str,
    /// What the axis to the right counts.
    pub right: &'static str,
    /// How it is divided.
    pub scale: Scale,
    /// What the axis upwards counts.
    pub up: &'static str,
    /// The lines, in the order of their names beside the picture.
    pub lines: Vec<Line>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 400.0;
/// Where the axes are.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 340.0;

/// Colours that are told apart by everybody, on white and on black (Okabe and Ito, 2008, without yellow and black).
const COLOURS: [&str; 6] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9",
];

impl Plot {
    /// The picture's file.
    #[must_use]
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let most = step_up(points().map(|(_, up)| *up).fold(0.0, f64::max));
        let ends = points().fold((f64::INFINITY, 0.0_f64), |(least, most), (right, _)| {
            (least.min(*right), most.max(*right))
        });
        let x = |right: f64| {
            let part = match self.scale {
                Scale::Linear => right / ends.1,
                Scale::Doubling => (right / ends.0).log2() / (ends.1 / ends.0).log2(),
            };
            LEFT + part * (RIGHT - LEFT)
        };
        let y = |up: f64| BOTTOM - up / most * (BOTTOM - TOP);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n\
             <title>{title}</title>\n\
             <style>\n\
             text {{ font: 13px sans-serif; fill: #333 }}\n\
             .axis {{ stroke: #888; stroke-width: 1; fill: none }}\n\
             .grid {{ stroke: #888; stroke-width: 0.3 }}\n\
             @media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} }}\n\
             </style>\n",
            title = self.title
        );
        // Writing to a string cannot fail.
        for part in 0..=4 {
            let up = most * f64::from(part) / 4.0;
            let at = y(up);
            let _ = writeln!(
                out,
                "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{RIGHT}\"/>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 8.0,
                at + 4.0,
                number(up)
            );
        }
        for right in self.marks(ends) {
            let at = x(right);
            let _ = writeln!(
                out,
                "<path class=\"axis\" d=\"M{at:.1} {BOTTOM}v5\"/>\n\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                BOTTOM + 20.0,
                number(right)
            );
        }
        let _ = writeln!(
            out,
            "<path class=\"axis\" d=\"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
             <text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, RIGHT),
            BOTTOM + 45.0,
            self.right,
            f64::midpoint(TOP, BOTTOM),
            self.up
        );
        for (number, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[number % COLOURS.len()];
            // Beyond the colours there are, lines are broken.
            let broken = match number / COLOURS.len() {
                0 => "",
                _ => " stroke-dasharray=\"6 3\"",
            };
            let points = line.points.iter();
            let path: Vec<String> = points
                .map(|(right, up)| format!("{:.1},{:.1}", x(*right), y(*up)))
                .collect();
            let at = TOP + 10.0 + 22.0 * number as f64;
            let _ = writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{broken}/>",
                path.join(" ")
            );
            for point in &path {
                let (right, up) = point.split_once(',').unwrap_or_default();
                let _ = writeln!(
                    out,
                    "<circle cx=\"{right}\" cy=\"{up}\" r=\"3\" fill=\"{colour}\"/>"
                );
            }
            let _ = writeln!(
                out,
                "<path d=\"M{} {at}h22\" stroke=\"{colour}\" stroke-width=\"2\"{broken}/>\n\
                 <text x=\"{}\" y=\"{}\">{}</text>",
                RIGHT + 14.0,
                RIGHT + 42.0,
                at + 4.0,
                line.name
            );
        }
        out.push_str("</svg>\n");
        out
    }

    /// What is written below the axis to the right.
    fn marks(&self, (least, most): (f64, f64)) -> Vec<f64> {
        match self.scale {
            Scale::Linear => (0..=4).map(|part| most * f64::from(part) / 4.0).collect(),
            Scale::Doubling => {
                let doubles = std::iter::successors(Some(least), |at| Some(2.0 * at));
                let all: Vec<f64> = doubles.take_while(|at| *at <= most * 1.001).collect();
                let every = all.len().div_ceil(8).max(1);
                all.into_iter().step_by(every).collect()
            }
        }
    }
}

/// The next number above that a quarter of is round: 1, 2, 4, 6 or 8 of a power of ten.
fn step_up(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(f64::MIN_POSITIVE).log10().floor());
    let steps = [1.0, 2.0, 4.0, 6.0, 8.0, 10.0];
    let fits = steps.into_iter().find(|step| step * power >= most);
    fits.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_above_all() {
        for (most, end) in [
            (1.0, 1.0),
            (1.1, 2.0),
            (373.0, 400.0),
            (9.0, 10.0),
            (41.0, 60.0),
        ] {
            assert!((step_up(most) - end).abs() < 1e-9, "{most}");
        }
    }

    #[test]
    fn each_point_is_where_its_numbers_say() {
        let plot = |scale| Plot {
            name: "a",
            title: "A",
            right: "r",
            scale,
            up: "u",
            lines: vec![Line {
                name: "l".to_owned(),
                points: vec![(1.0, 0.0), (2.0, 50.0), (4.0, 100.0)],
            }],
        };
        let doubling = plot(Scale::Doubling).svg();
        assert!(
            doubling.contains("points=\"70.0,340.0 335.0,180.0 600.0,20.0\""),
            "{doubling}"
        );
        let linear = plot(Scale::Linear).svg();
        assert!(
            linear.contains("points=\"202.5,340.0 335.0,180.0 600.0,20.0\""),
            "{linear}"
        );
    }
}
