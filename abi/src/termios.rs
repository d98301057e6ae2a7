//! Terminal settings (termios(3), ioctl_tty(2)): flags, control characters, layouts, request numbers.
#![allow(missing_docs)]

/// Control characters kept by the kernel.
pub const CONTROL_CHARACTERS: usize = 19;

/// Terminal settings, as the kernel keeps them (`struct ktermios`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Termios {
    pub input: u32,
    pub output: u32,
    pub control: u32,
    pub local: u32,
    pub line: u8,
    pub characters: [u8; CONTROL_CHARACTERS],
    pub input_speed: u32,
    pub output_speed: u32,
}

impl Termios {
    /// These settings with `old` ones wherever `locked` has bits, or anything but 0 for a whole byte.
    pub fn with_locked(mut self, old: &Termios, locked: &Termios) -> Termios {
        let keep = |new: u32, old: u32, locked: u32| new & !locked | old & locked;
        self.input = keep(self.input, old.input, locked.input);
        self.output = keep(self.output, old.output, locked.output);
        self.control = keep(self.control, old.control, locked.control);
        self.local = keep(self.local, old.local, locked.local);
        if locked.line != 0 {
            self.line = old.line;
        }
        for ((new, old), locked) in self.characters.iter_mut().zip(old.characters).zip(locked.characters) {
            if locked != 0 {
                *new = old;
            }
        }
        self
    }
}

/// Indices of control characters.
pub mod character {
    pub const INTR: usize = 0;
    pub const QUIT: usize = 1;
    pub const ERASE: usize = 2;
    pub const KILL: usize = 3;
    pub const EOF: usize = 4;
    pub const TIME: usize = 5;
    pub const MIN: usize = 6;
    pub const SWTC: usize = 7;
    pub const START: usize = 8;
    pub const STOP: usize = 9;
    pub const SUSP: usize = 10;
    pub const EOL: usize = 11;
    pub const REPRINT: usize = 12;
    pub const DISCARD: usize = 13;
    pub const WERASE: usize = 14;
    pub const LNEXT: usize = 15;
    pub const EOL2: usize = 16;
}

/// Input flags (c_iflag).
pub mod input {
    pub const IGNBRK: u32 = 0o1;
    pub const BRKINT: u32 = 0o2;
    pub const IGNPAR: u32 = 0o4;
    pub const PARMRK: u32 = 0o10;
    pub const INPCK: u32 = 0o20;
    pub const ISTRIP: u32 = 0o40;
    pub const INLCR: u32 = 0o100;
    pub const IGNCR: u32 = 0o200;
    pub const ICRNL: u32 = 0o400;
    pub const IUCLC: u32 = 0o1000;
    pub const IXON: u32 = 0o2000;
    pub const IXANY: u32 = 0o4000;
    pub const IXOFF: u32 = 0o10000;
    pub const IMAXBEL: u32 = 0o20000;
    pub const IUTF8: u32 = 0o40000;
}

/// Output flags (c_oflag).
pub mod output {
    pub const OPOST: u32 = 0o1;
    pub const OLCUC: u32 = 0o2;
    pub const ONLCR: u32 = 0o4;
    pub const OCRNL: u32 = 0o10;
    pub const ONOCR: u32 = 0o20;
    pub const ONLRET: u32 = 0o40;
    pub const TABDLY: u32 = 0o14000;
    pub const XTABS: u32 = 0o14000;
}

/// Control flags (c_cflag).
pub mod control {
    pub const CBAUD: u32 = 0o10017;
    pub const B38400: u32 = 0o17;
    pub const CBAUDEX: u32 = 0o10000;
    pub const BOTHER: u32 = 0o10000;
    pub const CIBAUD: u32 = 0o2003600000;
    pub const IBSHIFT: u32 = 16;
    pub const CSIZE: u32 = 0o60;
    pub const CS8: u32 = 0o60;
    pub const CREAD: u32 = 0o200;
    pub const PARENB: u32 = 0o400;
    pub const HUPCL: u32 = 0o2000;
    pub const CLOCAL: u32 = 0o4000;
}

/// Local flags (c_lflag).
pub mod local {
    pub const ISIG: u32 = 0o1;
    pub const ICANON: u32 = 0o2;
    pub const XCASE: u32 = 0o4;
    pub const ECHO: u32 = 0o10;
    pub const ECHOE: u32 = 0o20;
    pub const ECHOK: u32 = 0o40;
    pub const ECHONL: u32 = 0o100;
    pub const NOFLSH: u32 = 0o200;
    pub const TOSTOP: u32 = 0o400;
    pub const ECHOCTL: u32 = 0o1000;
    pub const ECHOPRT: u32 = 0o2000;
    pub const ECHOKE: u32 = 0o4000;
    pub const FLUSHO: u32 = 0o10000;
    pub const PENDIN: u32 = 0o40000;
    pub const IEXTEN: u32 = 0o100000;
    pub const EXTPROC: u32 = 0o200000;
}

/// ioctl requests of terminals.
pub mod request {
    pub const TCGETS: u32 = 0x5401;
    pub const TCSETS: u32 = 0x5402;
    pub const TCSETSW: u32 = 0x5403;
    pub const TCSETSF: u32 = 0x5404;
    pub const TCGETA: u32 = 0x5405;
    pub const TCSETA: u32 = 0x5406;
    pub const TCSETAW: u32 = 0x5407;
    pub const TCSETAF: u32 = 0x5408;
    pub const TCSBRK: u32 = 0x5409;
    pub const TCXONC: u32 = 0x540a;
    pub const TCFLSH: u32 = 0x540b;
    pub const TIOCEXCL: u32 = 0x540c;
    pub const TIOCNXCL: u32 = 0x540d;
    pub const TIOCSCTTY: u32 = 0x540e;
    pub const TIOCGPGRP: u32 = 0x540f;
    pub const TIOCSPGRP: u32 = 0x5410;
    pub const TIOCOUTQ: u32 = 0x5411;
    pub const TIOCSTI: u32 = 0x5412;
    pub const TIOCGWINSZ: u32 = 0x5413;
    pub const TIOCSWINSZ: u32 = 0x5414;
    pub const TIOCMGET: u32 = 0x5415;
    pub const TIOCGSOFTCAR: u32 = 0x5419;
    pub const TIOCSSOFTCAR: u32 = 0x541a;
    pub const FIONREAD: u32 = 0x541b;
    pub const TIOCCONS: u32 = 0x541d;
    pub const TIOCPKT: u32 = 0x5420;
    pub const TIOCNOTTY: u32 = 0x5422;
    pub const TIOCSETD: u32 = 0x5423;
    pub const TIOCGETD: u32 = 0x5424;
    pub const TCSBRKP: u32 = 0x5425;
    pub const TIOCSBRK: u32 = 0x5427;
    pub const TIOCCBRK: u32 = 0x5428;
    pub const TIOCGSID: u32 = 0x5429;
    pub const TCGETS2: u32 = 0x802c_542a;
    pub const TCSETS2: u32 = 0x402c_542b;
    pub const TCSETSW2: u32 = 0x402c_542c;
    pub const TCSETSF2: u32 = 0x402c_542d;
    pub const TIOCGPTN: u32 = 0x8004_5430;
    pub const TIOCSPTLCK: u32 = 0x4004_5431;
    pub const TIOCGDEV: u32 = 0x8004_5432;
    pub const TIOCSIG: u32 = 0x4004_5436;
    pub const TIOCVHANGUP: u32 = 0x5437;
    pub const TIOCGPKT: u32 = 0x8004_5438;
    pub const TIOCGPTLCK: u32 = 0x8004_5439;
    pub const TIOCGLCKTRMIOS: u32 = 0x5456;
    pub const TIOCSLCKTRMIOS: u32 = 0x5457;
    pub const TIOCGEXCL: u32 = 0x8004_5440;
    pub const TIOCGPTPEER: u32 = 0x5441;
}

/// What a packet-mode master reads first (TIOCPKT).
pub mod packet {
    pub const DATA: u8 = 0;
    pub const FLUSHREAD: u8 = 1;
    pub const FLUSHWRITE: u8 = 2;
    pub const STOP: u8 = 4;
    pub const START: u8 = 8;
    pub const NOSTOP: u8 = 16;
    pub const DOSTOP: u8 = 32;
    pub const IOCTL: u8 = 64;
}

/// `struct winsize`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WindowSize {
    pub rows: u16,
    pub columns: u16,
    pub width: u16,
    pub height: u16,
}

/// Bytes of `struct termios`.
pub const TERMIOS_SIZE: usize = 36;
/// Bytes of `struct termios2`.
pub const TERMIOS2_SIZE: usize = 44;
/// Bytes of `struct termio`.
pub const TERMIO_SIZE: usize = 18;
/// Bytes of `struct winsize`.
pub const WINDOW_SIZE: usize = 8;

/// Speeds in baud by their number in CBAUD, first the plain ones, then those with CBAUDEX.
const SPEEDS: [[u32; 16]; 2] = [
    [0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400],
    [
        0, 57600, 115_200, 230_400, 460_800, 500_000, 576_000, 921_600, 1_000_000, 1_152_000, 1_500_000, 2_000_000,
        2_500_000, 3_000_000, 3_500_000, 4_000_000,
    ],
];

fn speed_of(code: u32) -> Option<u32> {
    let row = if code & control::CBAUDEX != 0 { 1 } else { 0 };
    if code & control::CBAUD == control::BOTHER {
        return None;
    }
    SPEEDS.get(row).and_then(|speeds| speeds.get((code & 0o17) as usize)).copied()
}

impl Termios {
    /// What a new terminal starts with (Linux: tty_std_termios).
    pub const STANDARD: Termios = Termios {
        input: input::ICRNL | input::IXON,
        output: output::OPOST | output::ONLCR,
        control: control::B38400 | control::CS8 | control::CREAD | control::HUPCL,
        local: local::ISIG
            | local::ICANON
            | local::ECHO
            | local::ECHOE
            | local::ECHOK
            | local::ECHOCTL
            | local::ECHOKE
            | local::IEXTEN,
        line: 0,
        characters: [3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0],
        input_speed: 38400,
        output_speed: 38400,
    };
    /// What a pseudo-terminal starts with: no modem to hang up.
    pub const PSEUDO: Termios = Termios { control: control::B38400 | control::CS8 | control::CREAD, ..Self::STANDARD };
    /// What a pseudo-terminal's master has.
    pub const MASTER: Termios = Termios { input: 0, output: 0, local: 0, ..Self::PSEUDO };

    /// A control character.
    #[inline]
    pub const fn character(&self, index: usize) -> u8 {
        self.characters[index]
    }

    /// Sets the speeds from the control flags, unless these say that the speeds are given as numbers (BOTHER).
    fn speeds_from_control(&mut self) {
        if let Some(speed) = speed_of(self.control & control::CBAUD) {
            self.output_speed = speed;
        }
        let code = self.control >> control::IBSHIFT & control::CBAUD;
        if code == 0 {
            self.input_speed = self.output_speed;
        } else if let Some(speed) = speed_of(code) {
            self.input_speed = speed;
        }
    }

    /// As `struct termios`.
    pub fn to_bytes(&self) -> [u8; TERMIOS_SIZE] {
        let mut bytes = [0; TERMIOS_SIZE];
        bytes.copy_from_slice(&self.to_bytes2()[..TERMIOS_SIZE]);
        bytes
    }
    /// As `struct termios2`.
    pub fn to_bytes2(&self) -> [u8; TERMIOS2_SIZE] {
        let mut bytes = [0; TERMIOS2_SIZE];
        for (place, word) in [(0, self.input), (4, self.output), (8, self.control), (12, self.local)] {
            bytes[place..place + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[16] = self.line;
        bytes[17..36].copy_from_slice(&self.characters);
        bytes[36..40].copy_from_slice(&self.input_speed.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.output_speed.to_le_bytes());
        bytes
    }
    /// As `struct termio`.
    pub fn to_bytes_short(&self) -> [u8; TERMIO_SIZE] {
        let mut bytes = [0; TERMIO_SIZE];
        for (place, word) in [(0, self.input), (2, self.output), (4, self.control), (6, self.local)] {
            bytes[place..place + 2].copy_from_slice(&(word as u16).to_le_bytes());
        }
        bytes[8] = self.line;
        bytes[9..17].copy_from_slice(&self.characters[..8]);
        bytes
    }
    /// These settings with those of a `struct termios`.
    pub fn with_bytes(mut self, bytes: &[u8; TERMIOS_SIZE]) -> Self {
        self.take_words(bytes);
        self.speeds_from_control();
        self
    }
    /// These settings with those of a `struct termios2`.
    pub fn with_bytes2(mut self, bytes: &[u8; TERMIOS2_SIZE]) -> Self {
        self.take_words(bytes);
        self.input_speed = word(bytes, 36);
        self.output_speed = word(bytes, 40);
        self.speeds_from_control();
        self
    }
    /// These settings with those of a `struct termio`: the upper halves of the flags stay.
    pub fn with_bytes_short(mut self, bytes: &[u8; TERMIO_SIZE]) -> Self {
        let half = |place: usize, old: u32| {
            old & 0xffff_0000 | u32::from(u16::from_le_bytes([bytes[place], bytes[place + 1]]))
        };
        self.input = half(0, self.input);
        self.output = half(2, self.output);
        self.control = half(4, self.control);
        self.local = half(6, self.local);
        self.line = bytes[8];
        self.characters[..8].copy_from_slice(&bytes[9..17]);
        self.speeds_from_control();
        self
    }
    fn take_words(&mut self, bytes: &[u8]) {
        self.input = word(bytes, 0);
        self.output = word(bytes, 4);
        self.control = word(bytes, 8);
        self.local = word(bytes, 12);
        self.line = bytes[16];
        self.characters.copy_from_slice(&bytes[17..36]);
    }
}

fn word(bytes: &[u8], place: usize) -> u32 {
    u32::from_le_bytes([bytes[place], bytes[place + 1], bytes[place + 2], bytes[place + 3]])
}

impl WindowSize {
    /// As `struct winsize`.
    pub fn to_bytes(self) -> [u8; WINDOW_SIZE] {
        let [a, b] = self.rows.to_le_bytes();
        let [c, d] = self.columns.to_le_bytes();
        let [e, f] = self.width.to_le_bytes();
        let [g, h] = self.height.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }
    /// From `struct winsize`.
    pub fn from_bytes([a, b, c, d, e, f, g, h]: [u8; WINDOW_SIZE]) -> Self {
        WindowSize {
            rows: u16::from_le_bytes([a, b]),
            columns: u16::from_le_bytes([c, d]),
            width: u16::from_le_bytes([e, f]),
            height: u16::from_le_bytes([g, h]),
        }
    }
}
