//! What systemd is told.

use std::os::unix::net::UnixDatagram;

use brooklet_tests::PATIENCE;
use brooklet_tests::agent;
use brooklet_tests::broker::Broker;
use tempfile::TempDir;

#[test]
fn systemd_hears_that_the_agent_is_ready_lives_and_stops() {
    let (broker, state) = (Broker::start(), TempDir::new().unwrap());
    let socket = state.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = agent::watching(&broker, "sensors/#", &state.path().join("state"));
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "300000");
    let mut agent = agent::start(command);
    let hear = || {
        let mut buffer = [0; 256];
        let length = systemd.recv(&mut buffer).expect("something is told");
        String::from_utf8_lossy(&buffer[..length]).trim().to_owned()
    };
    assert_eq!(hear(), "READY=1");
    assert_eq!([hear(), hear(), hear()], ["WATCHDOG=1"; 3]);
    agent::stop(&mut agent);
    let last = std::iter::from_fn(|| Some(hear())).find(|told| told != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}
