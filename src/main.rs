//! The `pyro` command.

fn main() -> std::process::ExitCode {
    pyro::cli::main(std::env::args_os())
}
