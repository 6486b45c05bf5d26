//! Operators' sessions, and whoever attacks them on the line.

use std::vec::Vec;
use std::{println, vec};

use berth_ed25519::{BASE_POINT, agree};
use berth_exposure::operator::message;
use berth_flash::Simulated;
use berth_pack::keys::Secret;
use berth_protocol::{
    DeviceError, FRAME_MAX, MESSAGE_MAX, Op, Parameters, Reply, Request, Response, State,
    frame_message,
};
use berth_session::{
    Challenge, KEY_BYTES, Keys, OPENING, SEAL_BYTES, Seal, TAG_BYTES, Way, provision, transcript,
};

use super::Bench;
use crate::service::sessions::{IDLE_S, SESSIONS_MAX};

const SLEEPER: &str = r#"(module (import "berth" "sleep_us" (func $sleep (param i64)))
  (func (export "_start") (loop $l (call $sleep (i64.const 1000000)) (br $l))))"#;

/// The secret half of the device's key.
const DEVICE: [u8; KEY_BYTES] = [0x42; KEY_BYTES];

fn operator(seed: u8) -> Secret {
    Secret::from_bytes(&[seed; 32])
}

/// An operator's end of a session.
#[derive(Clone)]
struct Session {
    number: u32,
    keys: Keys,
    counter: u32,
}

impl Session {
    /// The message of a request in its seal.
    fn sealed(&mut self, id: u32, op: Op<'_>) -> Vec<u8> {
        self.counter += 1;
        let mut buffer = [0; MESSAGE_MAX];
        let mut request = postcard::to_slice(&Request { id, op }, &mut buffer)
            .unwrap()
            .to_vec();
        let seal = Seal {
            session: self.number,
            counter: self.counter,
            tag: self.keys.tag(Way::ToDevice, self.counter, &request),
        };
        request.extend_from_slice(&seal.to_bytes());
        request
    }

    /// What stands in an answer's seal.
    fn opened<'a>(&self, answer: &'a [u8]) -> Option<&'a [u8]> {
        let (plain, tag) = answer.split_last_chunk::<TAG_BYTES>()?;
        let is_right = self.keys.is_tag(Way::ToOperator, self.counter, plain, tag);
        is_right.then_some(plain)
    }
}

/// A login as it stands on the line.
struct Login {
    operator: [u8; 8],
    challenge: Challenge,
    one_time: [u8; KEY_BYTES],
    signature: [u8; 64],
    keys: Keys,
}

impl Login {
    fn op(&self) -> Op<'_> {
        Op::Login {
            operator: self.operator,
            epoch: self.challenge.epoch,
            number: self.challenge.number,
            one_time: self.one_time,
            signature: &self.signature,
        }
    }
}

impl Bench {
    /// A device with the operators 7 and 8.
    fn with_operators(closes_reading: bool) -> Self {
        let bench = Self::with_flash(Simulated::new(32));
        {
            let mut keys = bench.fake.0.keys.borrow_mut();
            assert!(keys.add_operator(&operator(7).public().bytes()));
            assert!(keys.add_operator(&operator(8).public().bytes()));
            keys.closes_reading = closes_reading;
        }
        bench.restarted()
    }

    /// The same, with its secret.
    fn provisioned() -> Self {
        let mut bench = Self::with_operators(false);
        assert_eq!(bench.provision(&operator(7), DEVICE), Ok(()));
        bench
    }

    /// The answers to a message.
    fn exchange(&mut self, message: &[u8]) -> Vec<Vec<u8>> {
        let mut buffer = [0; FRAME_MAX];
        let frame = frame_message(message, &mut buffer).unwrap();
        self.fake.0.input.borrow_mut().extend(frame.iter());
        while !self.fake.0.input.borrow().is_empty() {
            self.supervisor.poll();
        }
        self.collect()
    }

    /// The one answer to a message.
    fn one(&mut self, message: &[u8]) -> Vec<u8> {
        let mut answers = self.exchange(message);
        assert_eq!(answers.len(), 1, "one answer");
        answers.remove(0)
    }

    fn challenge(&mut self) -> (Option<[u8; KEY_BYTES]>, Challenge) {
        self.ask(Op::Challenge, |result| match result.unwrap() {
            Reply::Challenge {
                device,
                epoch,
                number,
            } => (device, Challenge { epoch, number }),
            other => panic!("{other:?}"),
        })
    }

    fn outcome(&mut self, op: Op<'_>) -> &'static str {
        self.ask(op, |result| result.map_or_else(|e| e.word(), |_| "done"))
    }

    /// Ask the same until it is looked at; the word of a refusal.
    fn until_looked_at(&mut self, op: Op<'_>) -> Result<(), &'static str> {
        for _ in 0..100 {
            let come = self.ask(op, |result| match result {
                Ok(Reply::Checking) => None,
                Ok(Reply::Done) => Some(Ok(())),
                Ok(other) => panic!("{other:?}"),
                Err(error) => Some(Err(error.word())),
            });
            if let Some(come) = come {
                return come;
            }
        }
        Err("never")
    }

    fn provision(&mut self, by: &Secret, secret: [u8; KEY_BYTES]) -> Result<(), &'static str> {
        let (_, challenge) = self.challenge();
        let id = by.public().id().0;
        let signature = by.sign(&message(&provision(challenge, &id, &secret)));
        self.until_looked_at(Op::Provision {
            operator: id,
            epoch: challenge.epoch,
            number: challenge.number,
            secret,
            signature: &signature,
        })
    }

    /// What an operator answers to a challenge of this device.
    fn answer_to(
        by: &Secret,
        device: [u8; KEY_BYTES],
        challenge: Challenge,
        one_time_secret: [u8; KEY_BYTES],
    ) -> Login {
        let operator = by.public().id().0;
        let one_time = agree(&one_time_secret, &BASE_POINT);
        let hash = transcript(&device, challenge, &operator, &one_time);
        Login {
            operator,
            challenge,
            one_time,
            signature: by.sign(&message(&hash)),
            keys: Keys::derive(&agree(&one_time_secret, &device), &hash).unwrap(),
        }
    }

    /// Say a login until it has come to something.
    fn say(&mut self, login: &Login) -> Result<Session, &'static str> {
        let session = Session {
            number: login.challenge.number,
            keys: login.keys.clone(),
            counter: OPENING,
        };
        for _ in 0..100 {
            self.next_id += 1;
            let id = self.next_id;
            let answers = self.send(id, login.op());
            let [answer] = &answers[..] else {
                panic!("{answers:?}")
            };
            match Response::decode(answer).map(|response| response.result) {
                Ok(Ok(Reply::Checking)) => {}
                Ok(Err(error)) => return Err(error.word()),
                _ => {
                    let plain = session.opened(answer).expect("sealed");
                    let response = Response::decode(plain).unwrap();
                    assert_eq!(response.result, Ok(Reply::SessionOpen { idle_s: IDLE_S }));
                    return Ok(session);
                }
            }
        }
        Err("never")
    }

    fn login(&mut self, by: &Secret, one_time: u8) -> Result<Session, &'static str> {
        let (device, challenge) = self.challenge();
        let login = Self::answer_to(by, device.unwrap(), challenge, [one_time; 32]);
        self.say(&login)
    }

    /// Ask in a session. The word of a refusal, which is sealed as well.
    fn asked(&mut self, session: &mut Session, op: Op<'_>) -> Result<(), &'static str> {
        self.next_id += 1;
        let id = self.next_id;
        let answer = self.one(&session.sealed(id, op));
        let plain = session.opened(&answer).expect("sealed");
        let response = Response::decode(plain).unwrap();
        assert_eq!(response.id, id);
        response.result.map(|_| ()).map_err(|error| error.word())
    }

    /// What is said to a message that is no good, in no seal.
    fn refusal(&mut self, message: &[u8]) -> &'static str {
        let answer = self.one(message);
        let response = Response::decode(&answer).unwrap();
        response.result.unwrap_err().word()
    }

    fn install_in(&mut self, session: &mut Session, name: &str) {
        let image = wat::parse_str(SLEEPER).unwrap();
        self.asked(session, Self::begin(name, &image)).unwrap();
        for (number, bytes) in image.chunks(berth_protocol::SEALED_CHUNK_MAX).enumerate() {
            let offset = (number * berth_protocol::SEALED_CHUNK_MAX) as u32;
            let upload = 0;
            let part = Op::UploadChunk {
                upload,
                offset,
                bytes,
            };
            self.asked(session, part).unwrap();
        }
        let commit = Op::UploadCommit { upload: 0 };
        self.asked(session, commit).unwrap();
    }
}

const START: Op<'static> = Op::Start { name: "it" };
const STOP: Op<'static> = Op::Stop { name: "it" };

/// Everything that changes something.
fn changes() -> Vec<Op<'static>> {
    let parameters = Parameters::default();
    let name = "it";
    vec![
        Bench::begin(name, &[]),
        Op::UploadChunk {
            upload: 0,
            offset: 0,
            bytes: &[1],
        },
        Op::UploadCommit { upload: 0 },
        Op::RunCommit { upload: 0 },
        Op::Commit {
            upload: 0,
            starts: true,
            downgrade: true,
        },
        Op::UploadAbort { upload: 0 },
        START,
        STOP,
        Op::Kill { name },
        Op::Pause { name },
        Op::Resume { name },
        Op::Lift { name },
        Op::Remove { name },
        Op::Edit {
            name,
            parameters,
            restart: true,
        },
        Op::Draft {
            draft: 1,
            offset: 0,
            bytes: &[],
        },
        Op::Reset { uptime_us: 0 },
        Op::Logout,
    ]
}

#[test]
fn without_operators_nothing_needs_a_session() {
    let mut bench = Bench::with_flash(Simulated::new(32));
    bench.install("it", SLEEPER);
    bench.ok(START);
    assert_eq!(bench.outcome(Op::Challenge), "unsupported");
    bench.ask(Op::Operators, |result| match result.unwrap() {
        Reply::Operators(operators) => assert_eq!(operators.keys, 0),
        other => panic!("{other:?}"),
    });
}

#[test]
fn what_changes_something_needs_a_session_and_nothing_else_does() {
    let mut bench = Bench::provisioned();
    let session = &mut bench.login(&operator(7), 1).unwrap();
    bench.install_in(session, "it");
    for op in changes() {
        assert_eq!(bench.outcome(op), "session-needed", "{op:?}");
    }
    assert_eq!(bench.state("it"), State::Stored);
    bench.ok(Op::Containers { cursor: 0 });
    bench.ok(Op::Status);
    bench.asked(session, START).unwrap();
    bench.asked(session, Op::Containers { cursor: 0 }).unwrap();
    assert_eq!(
        bench.asked(session, Op::Start { name: "no" }),
        Err("unknown-name")
    );
    bench.asked(session, STOP).unwrap();
    bench.asked(session, Op::Logout).unwrap();
    let message = session.sealed(1, START);
    assert_eq!(bench.refusal(&message), "no-session");
}

#[test]
fn an_older_version_is_an_operators_to_allow() {
    let mut bench = Bench::provisioned();
    let op = Op::Commit {
        upload: 0,
        starts: false,
        downgrade: true,
    };
    assert_eq!(bench.outcome(op), "session-needed");
    let session = &mut bench.login(&operator(7), 1).unwrap();
    assert_eq!(bench.asked(session, op), Err("no-upload"));
}

#[test]
fn where_reading_is_closed_only_the_way_in_is_open() {
    let mut bench = Bench::with_operators(true);
    bench.provision(&operator(7), DEVICE).unwrap();
    for op in [Op::Containers { cursor: 0 }, Op::Status, Op::Heap] {
        assert_eq!(bench.outcome(op), "session-needed", "{op:?}");
    }
    for op in [Op::Hello { protocol: 3 }, Op::Trust, Op::Operators] {
        bench.ok(op);
    }
    let session = &mut bench.login(&operator(8), 1).unwrap();
    bench.asked(session, Op::Status).unwrap();
    assert!(bench.type_text("ps\r").contains("log in"));
}

#[test]
fn the_shell_only_reads() {
    let mut bench = Bench::provisioned();
    let session = &mut bench.login(&operator(7), 1).unwrap();
    bench.install_in(session, "it");
    for typed in ["start it\r", "rm it\r", "edit it share 5\r", "reset\r"] {
        let said = bench.type_text(typed);
        assert!(said.contains("log in"), "{said}");
    }
    assert_eq!(bench.state("it"), State::Stored);
    assert!(bench.type_text("ps\r").contains("it"));
}

#[test]
fn who_is_no_operator_does_not_log_in() {
    let mut bench = Bench::provisioned();
    assert_eq!(bench.login(&operator(9), 1).err(), Some("not-an-operator"));
    // The right key's name with another's signature, and each bit of the signature.
    let (device, challenge) = bench.challenge();
    let mut login = Bench::answer_to(&operator(9), device.unwrap(), challenge, [1; 32]);
    login.operator = operator(7).public().id().0;
    assert_eq!(bench.say(&login).err(), Some("not-an-operator"));
    for bit in (0..512).step_by(37) {
        let (device, challenge) = bench.challenge();
        let mut login = Bench::answer_to(&operator(7), device.unwrap(), challenge, [1; 32]);
        login.signature[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(bench.say(&login).err(), Some("not-an-operator"), "{bit}");
    }
    // A part of a signature.
    let (device, challenge) = bench.challenge();
    let login = Bench::answer_to(&operator(7), device.unwrap(), challenge, [1; 32]);
    let op = Op::Login {
        operator: login.operator,
        epoch: challenge.epoch,
        number: challenge.number,
        one_time: login.one_time,
        signature: &login.signature[..63],
    };
    assert_eq!(bench.outcome(op), "not-an-operator");
    // A key of small order, on which everybody agrees.
    let zero = [0; KEY_BYTES];
    let id = operator(7).public().id().0;
    let hash = transcript(&device.unwrap(), challenge, &id, &zero);
    let signature = operator(7).sign(&message(&hash));
    let login = Login {
        operator: id,
        challenge,
        one_time: zero,
        signature,
        keys: login.keys,
    };
    assert_eq!(bench.say(&login).err(), Some("not-an-operator"));
}

#[test]
fn a_login_is_of_one_device_and_one_challenge() {
    let mut bench = Bench::provisioned();
    let (device, challenge) = bench.challenge();
    let device = device.unwrap();
    // Somebody who offers his own key in the device's place gets a signature that is worth nothing here.
    let false_device = agree(&[9; 32], &BASE_POINT);
    let login = Bench::answer_to(&operator(7), false_device, challenge, [1; 32]);
    assert_eq!(bench.say(&login).err(), Some("not-an-operator"));
    // It is used up by that.
    let late = Bench::answer_to(&operator(7), device, challenge, [2; 32]);
    assert_eq!(bench.say(&late).err(), Some("old-challenge"));
    // One that the device has not given yet, or gave in another run.
    for challenge in [
        Challenge {
            number: challenge.number + 1,
            ..challenge
        },
        Challenge {
            epoch: challenge.epoch + 1,
            ..challenge
        },
        Challenge {
            number: 0,
            ..challenge
        },
    ] {
        let login = Bench::answer_to(&operator(7), device, challenge, [1; 32]);
        assert_eq!(bench.say(&login).err(), Some("old-challenge"));
    }
    let (_, challenge) = bench.challenge();
    let login = Bench::answer_to(&operator(7), device, challenge, [1; 32]);
    let mut session = bench.say(&login).unwrap();
    // The answer was lost: it is said again. After the first request it is not.
    bench.say(&login).unwrap();
    bench.asked(&mut session, Op::Status).unwrap();
    assert_eq!(bench.say(&login).err(), Some("old-challenge"));
    // Recorded on one device, played to another one with the same operators, that asks for the same.
    let mut other = Bench::with_operators(false);
    other.provision(&operator(7), [0x43; 32]).unwrap();
    while other.challenge().1.number < challenge.number {}
    assert_eq!(other.say(&login).err(), Some("not-an-operator"));
}

#[test]
fn nothing_of_a_run_counts_in_the_next() {
    let mut bench = Bench::provisioned();
    let mut recorded = Vec::new();
    let (device, challenge) = bench.challenge();
    let login = Bench::answer_to(&operator(7), device.unwrap(), challenge, [1; 32]);
    let mut session = bench.say(&login).unwrap();
    bench.install_in(&mut session, "it");
    for (id, op) in [(1, START), (2, STOP)] {
        let message = session.sealed(id, op);
        bench.one(&message);
        recorded.push(message);
    }
    let mut bench = bench.restarted();
    for message in &recorded {
        assert_eq!(bench.refusal(message), "no-session");
    }
    // The device asks for as many challenges as then: none of them is the same.
    for _ in 0..20 {
        assert_ne!(bench.challenge().1, challenge);
        assert_eq!(bench.say(&login).err(), Some("old-challenge"));
    }
    // The same number, with another session's keys.
    let mut again = bench.login(&operator(7), 2).unwrap();
    for message in &recorded {
        let mut moved = message.clone();
        let at = moved.len() - SEAL_BYTES;
        moved[at..at + 4].copy_from_slice(&again.number.to_le_bytes());
        assert_eq!(bench.refusal(&moved), "no-session");
    }
    bench.asked(&mut again, Op::Status).unwrap();
}

#[test]
fn no_bit_of_a_sealed_request_may_be_another() {
    let mut bench = Bench::provisioned();
    let mut session = bench.login(&operator(7), 1).unwrap();
    bench.install_in(&mut session, "it");
    let message = session.clone().sealed(77, START);
    for bit in 0..8 * message.len() {
        let mut changed = message.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        for answer in bench.exchange(&changed) {
            let response = Response::decode(&answer).expect("in no seal");
            assert!(response.result.is_err(), "bit {bit}: {response:?}");
        }
        assert_eq!(bench.state("it"), State::Stored, "bit {bit}");
    }
    // Shorter and longer ones.
    for length in 0..message.len() {
        for answer in bench.exchange(&message[..length]) {
            let response = Response::decode(&answer).expect("in no seal");
            assert!(response.result.is_err(), "{length} bytes: {response:?}");
        }
    }
    bench.exchange(&[&message[..], &[0]].concat());
    assert_eq!(bench.state("it"), State::Stored);
    // All of that has not hurt the session.
    bench.asked(&mut session, START).unwrap();
}

#[test]
fn frames_that_are_played_again_moved_or_turned_around_are_refused() {
    let mut bench = Bench::provisioned();
    let mut session = bench.login(&operator(7), 1).unwrap();
    bench.install_in(&mut session, "it");
    let start = session.sealed(1, START);
    let started = bench.one(&start);
    let stop = session.sealed(2, STOP);
    // Turned around: an answer is no request, and a request no answer.
    for answer in bench.exchange(&started) {
        assert!(Response::decode(&answer).unwrap().result.is_err());
    }
    assert!(session.opened(&start).is_none());
    // The last one again is a repetition, answered as before and not carried out.
    assert_eq!(bench.one(&start), started);
    bench.one(&stop);
    assert_ne!(bench.state("it"), State::Running);
    // One from before, whatever its id.
    assert_eq!(bench.refusal(&start), "replayed");
    assert_ne!(bench.state("it"), State::Running);
    // Kept back by the one on the line, and overtaken.
    let kept_back = session.sealed(3, START);
    let after = session.sealed(4, Op::Status);
    bench.one(&after);
    assert_eq!(bench.refusal(&kept_back), "replayed");
    assert_ne!(bench.state("it"), State::Running);
    // In another operator's session.
    let mut other = bench.login(&operator(8), 2).unwrap();
    let mut moved = session.clone().sealed(5, START);
    let at = moved.len() - SEAL_BYTES;
    moved[at..at + 4].copy_from_slice(&other.number.to_le_bytes());
    assert_eq!(bench.refusal(&moved), "no-session");
    // One without its seal, and with that of another.
    let plain = session.clone().sealed(6, START);
    assert_eq!(
        bench.refusal(&plain[..plain.len() - SEAL_BYTES]),
        "session-needed"
    );
    let status = session.clone().sealed(6, Op::Status);
    let front = &plain[..plain.len() - SEAL_BYTES];
    let mixed = [front, &status[status.len() - SEAL_BYTES..]].concat();
    assert_eq!(bench.refusal(&mixed), "no-session");
    assert_ne!(bench.state("it"), State::Running);
    bench.asked(&mut session, Op::Status).unwrap();
    bench.asked(&mut other, Op::Status).unwrap();
}

#[test]
fn a_repetition_whose_answer_is_forgotten_is_not_carried_out() {
    let mut bench = Bench::provisioned();
    let mut first = bench.login(&operator(7), 1).unwrap();
    bench.install_in(&mut first, "it");
    let start = first.sealed(1, START);
    bench.one(&start);
    // Another operator changes so much that the answer is forgotten, and stops it.
    let mut second = bench.login(&operator(8), 2).unwrap();
    bench.asked(&mut second, STOP).unwrap();
    for _ in 0..10 {
        let _ = bench.asked(&mut second, STOP);
    }
    let answer = bench.one(&start);
    let plain = first.opened(&answer).expect("sealed");
    assert_eq!(
        Response::decode(plain).unwrap().result,
        Err(DeviceError::Replayed)
    );
    assert_ne!(bench.state("it"), State::Running);
}

#[test]
fn a_session_ends_when_nothing_is_asked_in_it() {
    let mut bench = Bench::provisioned();
    let mut session = bench.login(&operator(7), 1).unwrap();
    let hour = u64::from(IDLE_S) * 1_000_000;
    let now = bench.fake.0.now_us.get();
    bench.fake.0.now_us.set(now + hour - 1_000_000);
    bench.asked(&mut session, Op::Status).unwrap();
    let now = bench.fake.0.now_us.get();
    bench.fake.0.now_us.set(now + hour + 1_000_000);
    let message = session.sealed(1, Op::Status);
    assert_eq!(bench.refusal(&message), "no-session");
}

#[test]
fn so_many_sessions_are_open_and_the_one_that_rested_longest_makes_room() {
    let mut bench = Bench::provisioned();
    let mut sessions = Vec::new();
    for number in 0..SESSIONS_MAX as u8 {
        let now = bench.fake.0.now_us.get();
        bench.fake.0.now_us.set(now + 1_000);
        sessions.push(bench.login(&operator(7), 10 + number).unwrap());
    }
    let now = bench.fake.0.now_us.get();
    bench.fake.0.now_us.set(now + 1_000);
    bench.asked(&mut sessions[0], Op::Status).unwrap();
    let mut last = bench.login(&operator(8), 99).unwrap();
    bench.asked(&mut last, Op::Status).unwrap();
    let over = sessions[1].sealed(1, Op::Status);
    assert_eq!(bench.refusal(&over), "no-session");
    for kept in [0, 2, 3] {
        bench.asked(&mut sessions[kept], Op::Status).unwrap();
    }
}

#[test]
fn a_device_is_given_its_secret_once_and_by_an_operator() {
    let mut bench = Bench::with_operators(false);
    assert_eq!(bench.challenge().0, None);
    let other = operator(9);
    assert_eq!(bench.provision(&other, DEVICE), Err("not-an-operator"));
    assert_eq!(bench.challenge().0, None);
    // Nobody logs in before.
    let (_, challenge) = bench.challenge();
    let login = Bench::answer_to(
        &operator(7),
        agree(&DEVICE, &BASE_POINT),
        challenge,
        [1; 32],
    );
    assert_eq!(bench.say(&login).err(), Some("not-provisioned"));
    assert_eq!(bench.provision(&operator(7), DEVICE), Ok(()));
    assert_eq!(bench.challenge().0, Some(agree(&DEVICE, &BASE_POINT)));
    assert_eq!(bench.provision(&operator(8), [1; 32]), Err("provisioned"));
    let mut bench = bench.restarted();
    assert_eq!(bench.challenge().0, Some(agree(&DEVICE, &BASE_POINT)));
    assert_eq!(bench.provision(&operator(8), [1; 32]), Err("provisioned"));
    // In a session it is given another.
    let mut session = bench.login(&operator(7), 1).unwrap();
    let (_, challenge) = bench.challenge();
    let (id, secret) = (operator(7).public().id().0, [5; 32]);
    let signature = operator(7).sign(&message(&provision(challenge, &id, &secret)));
    let op = Op::Provision {
        operator: id,
        epoch: challenge.epoch,
        number: challenge.number,
        secret,
        signature: &signature,
    };
    for _ in 0..20 {
        bench.asked(&mut session, op).unwrap();
    }
    assert_eq!(bench.challenge().0, Some(agree(&secret, &BASE_POINT)));
}

#[test]
fn no_challenge_comes_twice_whenever_the_power_goes() {
    let mut cuts = 0;
    // The epoch is raised in the store: a cut at each of its steps, and none at last.
    for step in 0.. {
        let mut bench = Bench::provisioned();
        let mut seen = vec![bench.challenge().1];
        let mut bench = bench.before_a_cut(step);
        let told = bench.ask(Op::Challenge, |result| match result {
            Ok(Reply::Challenge { epoch, number, .. }) => Some(Challenge { epoch, number }),
            _ => None,
        });
        seen.extend(told);
        let mut bench = bench.restarted();
        for _ in 0..3 {
            let (device, next) = bench.challenge();
            assert!(!seen.contains(&next), "{next:?} after a cut at {step}");
            // The secret has survived it.
            assert_eq!(device, Some(agree(&DEVICE, &BASE_POINT)));
            seen.push(next);
        }
        cuts += 1;
        if told.is_some() {
            break;
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 2);
}

#[test]
fn without_a_store_nobody_logs_in() {
    let bench = Bench::new();
    let key = operator(7).public().bytes();
    assert!(bench.fake.0.keys.borrow_mut().add_operator(&key));
    let mut bench = bench.restarted();
    assert_eq!(bench.outcome(Op::Challenge), "no-store");
    assert_eq!(bench.outcome(START), "session-needed");
}

#[test]
fn containers_go_on_while_a_login_is_looked_at() {
    let mut bench = Bench::provisioned();
    let (device, challenge) = bench.challenge();
    let login = Bench::answer_to(&operator(7), device.unwrap(), challenge, [1; 32]);
    bench.next_id += 1;
    let id = bench.next_id;
    let answers = bench.send(id, login.op());
    let response = Response::decode(&answers[0]).unwrap();
    assert_eq!(response.result, Ok(Reply::Checking));
    // Another one waits for its turn.
    let (_, challenge) = bench.challenge();
    let other = Bench::answer_to(&operator(8), device.unwrap(), challenge, [2; 32]);
    let word = bench.outcome(other.op());
    assert!(["busy", "done"].contains(&word), "{word}");
    bench.say(&login).unwrap();
    bench.say(&other).unwrap();
}
