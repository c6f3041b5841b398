//! An emulated microcontroller as a child process.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build;
use crate::child::Child;

/// An emulator with the board it shall be.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Its program.
    pub emulator: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
    /// What `-machine` is told.
    pub name: &'static str,
}

impl Machine {
    /// A machine of `qemu-system-arm`.
    #[must_use]
    pub const fn arm(name: &'static str) -> Self {
        Self { emulator: "qemu-system-arm", package: "qemu-system-arm", name }
    }

    /// A machine of `qemu-system-riscv32`.
    #[must_use]
    pub const fn riscv32(name: &'static str) -> Self {
        Self { emulator: "qemu-system-riscv32", package: "qemu-system-misc", name }
    }

    /// Starts it with a program. What the program writes to stderr by semihosting is the child's log; `arguments` say where
    /// its serial ports and its network lead to. Without any it has none.
    ///
    /// # Panics
    /// If the emulator is not installed.
    #[must_use]
    pub fn run(self, program: &Path, arguments: &[&str]) -> Child {
        let mut command = Command::new(self.installed());
        command.args(["-machine", self.name, "-nodefaults", "-display", "none", "-monitor", "none"]);
        if self.emulator.ends_with("riscv32") {
            command.args(["-bios", "none"]);
        }
        command.args(["-semihosting-config", "enable=on,target=native"]);
        command.args(arguments).arg("-kernel").arg(program);
        Child::spawn(self.name, &mut command)
    }

    fn installed(self) -> PathBuf {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let found =
            std::env::split_paths(&path).map(|folder| folder.join(self.emulator)).find(|f| f.is_file());
        let Self { emulator, package, .. } = self;
        found.unwrap_or_else(|| {
            panic!("{emulator} is not installed; these tests need it: apt-get install {package}")
        })
    }
}

/// The program of a board's folder in `firmware-examples/`, built in release mode for the target that the folder names.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn firmware(board: &str, program: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../firmware-examples").join(board);
    build::executable(&folder, program, &["--release", "--locked"])
}
