//! The proofs that a board goes through (tests/e2e) hold here, too, and notice what is wrong.

use berth_admission::Module as Admitted;
use berth_engine_tests::outcome::{Ending, Trap};
use berth_engine_tests::product::Running;
use berth_engine_tests::proofs::proofs;

#[test]
fn proofs_hold_in_the_configuration_of_containers() {
    let (mut modules, mut assertions) = (0, 0);
    for proof in proofs() {
        let Ok(admitted) = Admitted::scan(&proof.image) else {
            continue;
        };
        if admitted.imports().next().is_some() {
            continue;
        }
        let Ok(mut running) = Running::new(&proof.image, 200) else {
            panic!("{}", proof.place);
        };
        let ending = running.call("_start", &[]).unwrap();
        match ending {
            Ending::Returned(_) => {}
            // Deeper than containers go: core-suite.txt has them.
            Ending::Trapped(Trap::Depth) => continue,
            wrong => panic!("{}: {wrong:?}", proof.place),
        }
        modules += 1;
        assertions += proof.assertions;
    }
    println!("{modules} modules, {assertions} assertions");
    assert!(
        modules > 400 && assertions > 3_000,
        "{modules} {assertions}"
    );
}
