//! Tells the linker where things lie in this board's memory.

fn main() {
    println!("cargo:rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    // nRF51822-QFAC, with 32 kB of RAM: to load a model takes a stack that 16 kB have no room for.
    println!("cargo:rustc-link-arg-bins=--defsym=_stack_start=0x20008000");
    println!("cargo:rerun-if-changed=memory.x");
}
