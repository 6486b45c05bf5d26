//! What host calls cost, and what a container gets beside them.
//!
//! The harness is the test's ([`berth_e2e::shares`]): a board that counts instructions, its own counter of hundredths
//! of a second as the clock.

use anyhow::Result;
use berth_e2e::shares::{Hog, Shares, foreign_functions, own_functions};

use crate::figure::{Figure, Group, Key, Unit};

const ERROR_WORST: Key = Key::alone(
    "share.error_worst",
    Unit::Ratio,
    "Most that a container which computes got less than its share, beside an equal that calls any host function without end; or more, \
     beside one that never waits",
    Some(0.05),
);
const DEAREST: Key = Key::alone(
    "price.instructions_per_fuel_max",
    Unit::Ratio,
    "Instructions for each fuel that a host call is charged, of the one whose price is the lowest for what it does",
    None,
);
const CHEAPEST: Key = Key::alone(
    "price.instructions_per_fuel_min",
    Unit::Ratio,
    "The same, of the one whose price is the highest",
    None,
);

/// Measure shares and prices beside all functions that there are.
///
/// # Errors
/// If the board or the operator's line fails.
pub fn measure() -> Result<Group> {
    let mut shares = Shares::new()?;
    let hogs: Vec<Hog> = own_functions()
        .into_iter()
        .chain(foreign_functions())
        .collect();
    let mut figures = prices(&hogs)?;
    let mut worst: f64 = 0.0;
    for hog in &hogs {
        let part = shares.beside(&hog.text)?.part;
        let error = if hog.waits {
            (1.0 - part).max(0.0)
        } else {
            (1.0 - part).abs()
        };
        eprintln!("{}: {part:.3} of its share", hog.name);
        worst = worst.max(error);
    }
    figures.insert(
        0,
        Figure {
            key: ERROR_WORST,
            value: worst,
        },
    );
    Ok(Group {
        title: "Host calls and shares",
        how: "A container that computes without end and one that calls one host function without end, with equal shares, on the board; what the first \
              gets is compared with what it gets beside an equal that computes. A call is measured alone: 2,000 of them, by the device's clock; \
              registers are mediated, states and messages as long as they can be.",
        figures,
        ..Group::default()
    })
}

/// What a call of each costs.
fn prices(hogs: &[Hog]) -> Result<Vec<Figure>> {
    let mut shares = Shares::new()?;
    let mut figures = Vec::new();
    let (mut least, mut most) = (f64::MAX, 0.0f64);
    for hog in hogs {
        let Some(cost) = shares.cost(hog)? else {
            continue;
        };
        let of_one = cost.instructions / cost.fuel;
        eprintln!(
            "{}: {:.0} instructions, {:.1} fuel, {of_one:.1} instructions a fuel",
            hog.name, cost.instructions, cost.fuel
        );
        (least, most) = (least.min(of_one), most.max(of_one));
        if !hog.is_foreign() {
            // Keys live as long as the program, which ends soon.
            let name = format!("price.{}", hog.name.replace([':', '.'], "_"));
            let what = format!(
                "One call of `{}` by a container, in a loop of eight",
                hog.name
            );
            figures.push(Figure {
                key: Key::instructions(name.leak(), what.leak(), None),
                value: cost.instructions,
            });
        }
    }
    figures.extend([
        Figure {
            key: DEAREST,
            value: most,
        },
        Figure {
            key: CHEAPEST,
            value: least,
        },
    ]);
    Ok(figures)
}
