// A bit of everything that compilers translate differently at each level of optimisation.

typedef unsigned int u32;
typedef unsigned long long u64;
typedef unsigned char u8;

static u8 bytes[4096];
static u32 words[256];

static u32 state;

static u32 next(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

static u32 crc(const u8 *from, u32 length) {
    u32 sum = ~0u;
    for (u32 i = 0; i < length; i++) {
        sum ^= from[i];
        for (int bit = 0; bit < 8; bit++)
            sum = (sum >> 1) ^ (0xedb88320u & -(sum & 1));
    }
    return ~sum;
}

static void sort(u32 *from, int first, int last) {
    while (first < last) {
        u32 pivot = from[(first + last) / 2];
        int i = first, j = last;
        while (i <= j) {
            while (from[i] < pivot) i++;
            while (from[j] > pivot) j--;
            if (i <= j) {
                u32 kept = from[i];
                from[i++] = from[j];
                from[j--] = kept;
            }
        }
        if (j - first < last - i) {
            sort(from, first, j);
            first = i;
        } else {
            sort(from, i, last);
            last = j;
        }
    }
}

// A machine of its own, whose instructions are chosen by a table.
static int machine(const u8 *code, u32 length) {
    int a = 1, b = 2, steps = 0;
    for (u32 at = 0; at < length && steps < 2000; steps++) {
        switch (code[at++] & 15) {
        case 0: a += b; break;
        case 1: b -= a; break;
        case 2: a = a == 0 ? b : a; break;
        case 3: b = !a ? 7 : b ^ a; break;
        case 4: if (a > b) { int kept = a; a = b; b = kept; } break;
        case 5: a = b != 0 ? a / (b | 1) : -a; break;
        case 6: at += a & 1; break;
        case 7: b = (int)((u32)b << (a & 31)); break;
        case 8: a = a < 0 ? -a : a; break;
        case 9: b *= 3; break;
        case 10: a = (a && b) || (a > 100); break;
        case 11: a = a ? a : (b ? b : 5); break;
        case 12: b = b > a ? b - a : a - b; break;
        default: a ^= (int)code[at % length]; break;
        }
    }
    return a * 31 + b;
}

struct pair { u64 low; int high; };

static struct pair wide(u64 x, u64 y) {
    struct pair made = { x * y + x / (y | 1), (int)(x % (y | 3)) };
    made.low = made.high == 0 ? made.low >> 7 : made.low << (made.high & 15);
    return made;
}

static float waves(int rounds) {
    float sum = 0, x = 0.25f;
    double fine = 1.5;
    for (int i = 0; i < rounds; i++) {
        x = x * 3.7f * (1 - x);
        fine = fine * 0.99 + (double)x;
        sum += x > 0.5f ? x : -x;
        if (fine > 40 || i % 7 == 0) fine = (double)(int)fine;
    }
    return sum + (float)fine;
}

typedef u32 (*step)(u32, u32);
static u32 plus(u32 x, u32 y) { return x + y; }
static u32 turn(u32 x, u32 y) { return x << (y & 31) | x >> (-y & 31); }
static u32 least(u32 x, u32 y) { return x < y ? x : y; }
static step steps[] = { plus, turn, least };

__attribute__((export_name("run"))) int run(int seed) {
    state = (u32)seed * 2654435761u + 1;
    u32 sum = 0;
    for (u32 i = 0; i < sizeof bytes; i++) bytes[i] = (u8)next();
    sum = crc(bytes, sizeof bytes);
    for (int i = 0; i < 256; i++) words[i] = next();
    sort(words, 0, 255);
    for (int i = 1; i < 256; i++) {
        if (words[i] < words[i - 1]) __builtin_trap();
        sum = steps[words[i] % 3](sum, words[i]);
    }
    sum ^= (u32)machine(bytes, 600);
    struct pair made = wide((u64)sum << 32 | next(), (u64)next() << 20);
    sum += (u32)(made.low ^ made.low >> 32) + (u32)made.high;
    float wave = waves(200);
    __builtin_memcpy(bytes, &wave, sizeof wave);
    __builtin_memmove(bytes + 3, bytes, 900);
    return (int)(sum ^ crc(bytes, 1024));
}
