//! A sensor that talks MQTT over Ethernet, straight to the broker.
#![no_std]
#![no_main]

mod clock;
mod enet;
mod uplink;

use core::net::{Ipv4Addr, SocketAddrV4};
use core::panic::PanicInfo;

use brooklet_core::anomaly::DefaultDetector;
use brooklet_core::message::Mode;
use brooklet_firmware::device::{Config, Device, Link};
use brooklet_firmware::signal::Signal;
use cortex_m_semihosting::{debug, heprintln, nr};
use embassy_executor::Spawner;
use embassy_futures::select::{Either3, select3};
use embassy_net::{Runner, StackResources};
use embassy_time::{Duration, Instant, Ticker, with_deadline};
use enet::Enet;
use static_cell::StaticCell;

/// Who learns: the gateway from each reading (`Raw`) or from each window (`Features`), or the device (`Verdicts`).
const MODE: Mode = Mode::Raw;
/// Its name: `sensors/<device>/..` is where it publishes.
const DEVICE: &str = "pump-7";
/// The broker; what QEMU calls 10.0.2.2 is the machine it runs on.
const BROKER: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 0, 2, 2), 1883);
/// How long the simulated sensor waits for the broker before it goes on measuring.
const PACE: Duration = Duration::from_secs(1);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let Some(core) = cortex_m::Peripherals::take() else { return };
    clock::start(core.SYST);
    static RESOURCES: StaticCell<StackResources<3>> = StaticCell::new();
    let resources = RESOURCES.init(StackResources::new());
    let (stack, runner) =
        embassy_net::new(Enet::start(), embassy_net::Config::dhcpv4(Default::default()), resources, 1);
    let (Ok(network), Ok(uplink)) = (network(runner), uplink::run(stack, broker(), DEVICE)) else { return };
    spawner.spawn(network);
    spawner.spawn(uplink);

    let config = Config { name: DEVICE, mode: MODE, link: Link::Mqtt, ..Config::DEFAULT };
    static STATE: StaticCell<Device<DefaultDetector, 1>> = StaticCell::new();
    let device = STATE.init_with(|| Device::new(&config, [("temperature", DefaultDetector::new())]));
    device.hello(&mut uplink::send);
    let (mut signal, mut ticks) = (Signal::new(1), Ticker::every(Duration::from_secs(1)));
    let mut patience = Instant::now() + PACE;
    loop {
        let ready = with_deadline(patience, uplink::room());
        match select3(uplink::received(), ticks.next(), ready).await {
            Either3::First(frame) => device.frame(&frame, &mut uplink::send),
            Either3::Second(()) => device.tick(&mut uplink::send),
            Either3::Third(_) => {
                let Some(moment) = signal.next() else { return };
                device.reading(0, moment.time(), moment.value(), &mut uplink::send);
                patience = Instant::now() + PACE;
            }
        }
    }
}

#[embassy_executor::task]
async fn network(mut runner: Runner<'static, Enet>) -> ! {
    runner.run().await
}

/// Another broker than [`BROKER`], if the emulator was told one (`-semihosting-config arg=10.0.2.2:1884`).
fn broker() -> SocketAddrV4 {
    let mut line = [0u8; 80];
    let mut block = [line.as_mut_ptr() as usize, line.len()];
    // SAFETY: the emulator writes no more than these two buffers: the line, and its length into the second word.
    unsafe { cortex_m_semihosting::syscall1(nr::GET_CMDLINE, (&raw mut block) as usize) };
    let line = line.split(|byte| *byte == 0).next().and_then(|line| str::from_utf8(line).ok());
    line.unwrap_or_default().split(' ').find_map(|word| word.parse().ok()).unwrap_or(BROKER)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    heprintln!("{}", info);
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
