use super::*;
use crate::check;
use brooklet_core::anomaly::Detector;

fn args(ram: u64, flash: u64, core: Core) -> FitArgs {
    FitArgs {
        task: None,
        learner: None,
        ram,
        flash,
        core,
        clock: None,
        channels: None,
        reserve_ram: 4096,
        reserve_flash: 16384,
        json: false,
    }
}

fn one(learner: &str, channels: u64) -> Vec<Wanted> {
    vec![Wanted { name: "t".to_owned(), learner: learner.to_owned(), channels }]
}

#[test]
fn sizes_have_units() {
    for (text, bytes) in
        [("24k", Some(24_576)), ("1M", Some(1 << 20)), ("512", Some(512)), ("64KiB", Some(65_536))]
    {
        assert_eq!(size(text).ok(), bytes, "{text}");
    }
    for text in ["", "k", "1.5k", "-1", "24g", "99999999999999999M"] {
        assert!(size(text).is_err(), "{text}");
    }
}

#[test]
fn the_table_is_whole() {
    for learner in learners() {
        for core in [Core::M0, Core::M3, Core::M4f, Core::Rv32] {
            let figures = Figures::measured(learner, core);
            let whole = figures.is_some_and(|f| f.mean > 0 && f.worst >= f.mean);
            assert!(whole, "{learner} on {}: {figures:?}", core.name());
        }
    }
    for row in Detector::ROWS {
        let name = format!("anomaly/{}", row.name);
        assert!(learners().any(|learner| learner == name), "{name}: run firmware-examples/measure {name}");
    }
    assert!(MEASURED.starts_with("# Measured "));
}

#[test]
fn the_most_channels_fit_and_one_more_does_not() {
    for core in [Core::M0, Core::M4f] {
        let room = args(24 << 10, 64 << 10, core);
        let most = fit(&room, &one(MONITOR, 1)).unwrap().tasks[0].channels_at_most.unwrap();
        assert!((2..=9).contains(&most), "{most}");
        assert!(fit(&room, &one(MONITOR, most)).unwrap().fits);
        let over = fit(&room, &one(MONITOR, most + 1)).unwrap();
        assert!(!over.fits && over.flash.fits() && !over.ram.fits());
        assert!(over.table().starts_with("does not fit: too little RAM ("), "{}", over.table());
        assert_eq!(over.tasks[0].channels_at_most, Some(most));
        assert_eq!(fit(&room, &one("fuse/fisher", 1)).unwrap().tasks[0].channels_at_most, None); // no state
    }
}

#[test]
fn used_is_the_sum_of_its_parts() {
    let two = [one(MONITOR, 2), one("anomaly/zscore", 3), one(MONITOR, 1)].concat();
    let fit = fit(&args(24 << 10, 64 << 10, Core::M0), &two).unwrap();
    let [monitor, zscore, again] = &fit.tasks[..] else { unreachable!() };
    assert_eq!(fit.ram.state, 3 * monitor.state_bytes + 3 * zscore.state_bytes);
    assert_eq!(fit.flash.code, monitor.code_bytes + zscore.code_bytes); // the same code once
    assert_eq!(fit.ram.stack, monitor.stack_bytes.max(zscore.stack_bytes));
    assert_eq!(fit.ram.used, fit.ram.state + fit.ram.stack + 4096);
    assert_eq!(fit.flash.used, fit.flash.code + 16384);
    assert_eq!(again.code_bytes, monitor.code_bytes);
}

#[test]
fn time_follows_the_clock() {
    let with = |clock| fit(&FitArgs { clock, ..args(1 << 20, 1 << 20, Core::M0) }, &one(MONITOR, 1)).unwrap();
    let (usual, half) = (with(None), with(Some(24)));
    assert_eq!((usual.mhz, half.mhz), (48, 24));
    let [a, b] = [&usual.tasks[0], &half.tasks[0]];
    assert!((b.microseconds_worst / a.microseconds_worst - 2.0).abs() < 1e-9);
    assert!((a.microseconds_mean * a.readings_per_second - 1e6).abs() < 1.0);
}

#[test]
fn nothing_overflows() {
    let all = args(u64::MAX, u64::MAX, Core::M4f);
    let fit = fit(&FitArgs { reserve_ram: u64::MAX, ..all }, &one(MONITOR, u64::from(u32::MAX))).unwrap();
    assert_eq!(fit.ram.used, u64::MAX);
    assert!(fit.table().lines().all(|line| line.chars().count() <= 110), "{}", fit.table());
}

#[test]
fn unknown_learners_are_told_what_was_meant() {
    assert_eq!(unknown("zscore"), "no learner `zscore`; did you mean `anomaly/zscore`?");
    assert_eq!(unknown("monitor/defualt"), "no learner `monitor/defualt`; did you mean `monitor/default`?");
    assert!(unknown("?").contains("LEARNERS.md"));
}

#[test]
fn a_table_fits_a_terminal() {
    let wanted = [one(MONITOR, 3), one("forecast/holt_winters_multiplicative_24", 1_000_000)].concat();
    let mut wanted = wanted;
    wanted[0].name = "a very long name of a task that nobody would write".to_owned();
    let table = fit(&args(24 << 10, 64 << 10, Core::Rv32), &wanted).unwrap().table();
    for line in table.lines().filter(|line| !line.starts_with("Measured ")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(table.contains("a very long name of a t… monitor/default"), "{table}");
}

#[test]
fn channels_of_a_configuration() {
    let config = r#"
[mqtt]
url = "mqtt://localhost"

[[stream]]
name = "pumps"
topic = "plant/{device}"
payload = "json"
channels = { temp = { at = "/t" }, speed = { at = "/s" }, load = { at = "/l" } }

[[stream]]
name = "any"
topic = "any/{device}"

[[task]]
name = "heat"
stream = "pumps"
channels = ["temp"]

[[task]]
name = "rest"
stream = "pumps"
"#;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brooklet.toml");
    let plan = |text: &str| {
        std::fs::write(&file, text).unwrap();
        check::load_with(&file, []).unwrap()
    };
    let counts = |text: &str, channels| {
        of_plan(&plan(text), channels).map(|all| all.iter().map(|one| one.channels).collect::<Vec<_>>())
    };
    assert_eq!(counts(config, None), Ok(vec![1, 2])); // a channel is the first task's that covers it
    assert_eq!(counts(config, Some(5)), Ok(vec![5, 5]));
    let open = format!("{config}\n[[task]]\nname = \"all\"\nstream = \"any\"\n");
    assert!(counts(&open, None).unwrap_err().contains("--channels"));
    let line = "[mqtt]\nurl = 'mqtt://localhost'\n[[serial]]\nname = 'pico'\nport = '/dev/ttyACM0'";
    assert!(counts(line, None).unwrap_err().contains("line `pico`"));
    assert_eq!(counts(line, Some(2)), Ok(vec![2]));
}
