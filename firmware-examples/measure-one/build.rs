//! Chooses the one learner that the program holds (`BROOKLET_LEARNER=family/row`) and writes down the readings it gets:
//! made here, so that the program itself does no arithmetic and all that the linker adds for it is the learner's.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

#[path = "../../core-nostd/tests/every/mod.rs"]
mod every;

use brooklet_core::rng::Rng;
use every::{Family, Row, Stream, Visitor};

const EVERY: &str = include_str!("../../core-nostd/tests/every/mod.rs");
/// The monitor is no registered learner: its row is added by hand.
const MONITOR: &str = "monitor/default";

/// How a role learns from an event `x` and answers about it. The learner `l` is of its own type, not the family's, so
/// that no other learner of the family is linked.
fn calls(role: &str) -> (&'static str, &'static str) {
    let answer = match role {
        "detector" => "AnomalyDetector::score_one(l, x)",
        "statistic" | "pair_statistic" => "Statistic::value(l)",
        "transformer" | "imputer" => "Transformer::transform_one(l, x)",
        "windower" => "Windower::closed(l)",
        "scorer" => "Scorer::raw_one(l, x)",
        "drift" => "(DriftDetector::drifted(l), DriftDetector::warned(l))",
        "threshold" => "Threshold::threshold(l)",
        "forecaster" => "Forecaster::forecast(l, 1)",
        "prognoser" => "Prognoser::remaining(l)",
        "clusterer" => "Clusterer::assign_one(l, x)",
        "fuser" => "Fuser::fuse(l, x)",
        "sketch" => "Sketch::estimate_one(l, *x)",
        "regressor" => "Regressor::predict_one(l, &x.0)",
        "recommender" => "Recommender::recommend_one(l, &x.0)",
        "classifier" => "Classifier::proba_one(l, &x.0)",
        _ => panic!("build.rs does not know how the role {role} answers"),
    };
    let learn = match role {
        "regressor" | "recommender" | "classifier" => "Supervised::learn_one(l, &x.0, &x.1)",
        _ => "Learner::learn_one(l, x)",
    };
    (answer, learn)
}

/// Finds the row and writes how the program makes and calls its learner.
struct Choose<'a> {
    wanted: &'a str,
    types: std::vec::IntoIter<&'a str>,
    list: String,
    code: Option<String>,
}

impl Visitor for Choose<'_> {
    fn family<F: Family>(&mut self) {
        // Families come in the order of the lines of `families!`.
        let family = self.types.next().expect("a line for each family");
        for row in F::ROWS {
            let name = format!("{}/{}", F::NAME, row.name);
            let _ = writeln!(self.list, "{name}");
            if name != self.wanted {
                continue;
            }
            // The arm is what comes before the parenthesis in `Arm(Learner { .. })`.
            let learner = format!("{:?}", F::make(row.name).expect("every row makes its learner"));
            let arm = learner.split('(').next().expect("a name");
            let (answer, learn) = calls(F::ROLE);
            self.code = Some(format!(
                "type Chosen = {family};\n\
                 fn make() -> Chosen {{ match Chosen::from_name({:?}) {{ Some(l) => l, None => loop {{ core::hint::spin_loop() }} }} }}\n\
                 fn event(row: &Row) -> Option<<Chosen as Family>::Event> {{ <Chosen as Family>::event(row) }}\n\
                 macro_rules! reading {{ ($l:expr, $x:expr) => {{{{\n\
                     // SAFETY: `make` made this arm, and no learner turns into another.\n\
                     let Chosen::{arm}(l) = $l else {{ unsafe {{ core::hint::unreachable_unchecked() }} }};\n\
                     let x = $x;\n\
                     black_box({answer});\n\
                     {learn};\n\
                     size_of_val(l)\n\
                 }}}} }}\n",
                row.name
            ));
        }
    }
}

/// What the default detector's monitor gets: a reading a minute of a sensor with a daily cycle and noise. After two and a
/// half days a fault of an hour: the alert opens; then one jump and a gap of ten hours.
fn sensor() -> Vec<Row> {
    let mut rng = Rng::new(1);
    let row = |index: u32| {
        let minute = if index < 4_000 { index } else { index + 600 };
        let day = core::f32::consts::TAU * minute as f32 / 1440.0;
        let fault = if (3_600..3_660).contains(&index) || index == 3_800 { 4.0 } else { 0.0 };
        let value = 20.0 + 3.0 * day.sin() + 0.2 * rng.normal() + fault;
        Row { index: minute, features: [value; every::WIDTH], label: u8::from(fault > 0.0), target: value }
    };
    (0..4_320).map(row).collect()
}

fn main() {
    println!("cargo::rerun-if-env-changed=BROOKLET_LEARNER");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(learner, monitor)");
    let wanted = env::var("BROOKLET_LEARNER").unwrap_or_default();
    let lines = EVERY.rsplit_once("families! {").expect("the families' block").1;
    let types: Vec<&str> =
        lines.lines().filter_map(|l| l.trim().strip_suffix(';')?.split_once(' ')).map(|l| l.1).collect();
    let mut choose =
        Choose { wanted: &wanted, types: types.into_iter(), list: format!("{MONITOR}\n"), code: None };
    every::each(&mut choose);
    let (rows, warm_up): (Vec<Row>, usize) = match wanted.as_str() {
        MONITOR => {
            println!("cargo::rustc-cfg=monitor");
            (sensor(), 1_000)
        }
        _ => (Stream::new(1).take(1_500).collect(), 1_000),
    };
    match choose.code {
        Some(_) => println!("cargo::rustc-cfg=learner"),
        None => assert!(
            ["", MONITOR].contains(&wanted.as_str()),
            "no learner {wanted}; there are:\n{}",
            choose.list
        ),
    }
    let mut code = choose
        .code
        .unwrap_or_default()
        .replace("<WIDTH", "<{every::WIDTH}")
        .replace("CLASSES>", "{every::CLASSES}>");
    let _ = writeln!(
        code,
        "const WARM_UP: usize = {warm_up};\n\
         #[allow(clippy::approx_constant, reason = \"readings are what they are\")]\n\
         #[unsafe(link_section = \".stream\")]\n\
         static ROWS: [Row; {}] = [",
        rows.len()
    );
    for row in rows {
        let _ = writeln!(code, "{row:?},");
    }
    code.push_str("];\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where to"));
    fs::write(out.join("chosen.rs"), code).expect("the chosen learner written");
    fs::write(out.join("list"), choose.list).expect("the list written");
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where"));
    let arch = env::var("CARGO_CFG_TARGET_ARCH").expect("cargo says for what");
    let script = here.join(if arch == "arm" { "arm.ld" } else { "riscv.ld" });
    println!("cargo::rerun-if-changed={}", script.display());
    println!("cargo::rustc-link-arg=-T{}", script.display());
}
