//! Numbers of the system-call drivers.
//!
//! They are part of the ABI that processes are compiled against, so they never change.

/// Driver numbers of Tock 2.x. `as usize` gives what a process passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum NUM {
    // Base
    /// Time and one alarm a process.
    Alarm = 0x00000,
    /// Serial text in and out.
    Console = 0x00001,
    /// Light-emitting diodes.
    Led = 0x00002,
    /// Buttons.
    Button = 0x00003,
    /// General-purpose pins.
    Gpio = 0x00004,
    /// Analogue in.
    Adc = 0x00005,
    /// Analogue out.
    Dac = 0x00006,
    /// Analogue comparators.
    AnalogComparator = 0x00007,
    /// Debug output that needs no memory of the process.
    LowLevelDebug = 0x00008,
    /// Kernel state a process may read without system calls.
    ReadOnlyState = 0x00009,
    /// Pulse-width modulation.
    Pwm = 0x00010,

    // Kernel
    /// Calls between processes.
    Ipc = 0x10000,
    /// Installing applications from a process.
    AppLoader = 0x10001,
    /// What processes there are.
    ProcessInfo = 0x10002,

    // Buses
    /// A UART beside the console's.
    Uart = 0x20000,
    /// SPI as controller.
    Spi = 0x20001,
    /// SPI as peripheral.
    SpiPeripheral = 0x20002,
    /// I2C as controller.
    I2cMaster = 0x20003,
    /// USB.
    UsbUser = 0x20005,
    /// I2C as controller and target.
    I2cMasterSlave = 0x20006,
    /// CAN.
    Can = 0x20007,

    // Cryptography
    /// Random numbers.
    Rng = 0x40001,
    /// Cyclic redundancy checks.
    Crc = 0x40002,
    /// Keyed hashes.
    Hmac = 0x40003,
    /// Hashes.
    Sha = 0x40005,
    /// Block cipher.
    Aes = 0x40006,

    // Storage
    /// A process's own flash.
    AppFlash = 0x50000,
    /// Storage that processes share.
    NvmStorage = 0x50001,
    /// SD cards.
    SdCard = 0x50002,
    /// Keys and values.
    KVSystem = 0x50003,
    /// Storage, a part for each process.
    IsolatedNvmStorage = 0x50004,

    // Sensors
    /// Temperature.
    Temperature = 0x60000,
    /// Humidity.
    Humidity = 0x60001,
    /// Ambient light.
    AmbientLight = 0x60002,
    /// Acceleration, rotation, magnetic field.
    NINEDOF = 0x60004,
    /// Proximity.
    Proximity = 0x60005,

    // Others
    /// Buzzers.
    Buzzer = 0x90000,
    /// Graphical screens.
    Screen = 0x90001,
    /// Touch panels.
    Touch = 0x90002,
    /// Character screens.
    TextScreen = 0x90003,
    /// Calendar clocks.
    DateTime = 0x90007,
    /// Counters of processor cycles.
    CycleCount = 0x90008,
    /// Servo motors.
    Servo = 0x90009,
}
