/* Reads a .tfslim file without Python: prints each tensor's name, shape, kind and the CRC-32 of its values; with a
 * second argument, also writes all values there, one tensor after another, as they lie in memory (little-endian).
 *
 *     cc -O2 -o read_packed read_packed.c -lz -lm && ./read_packed face.tfslim values.bin
 *
 * The layout: docs/file-format.md, and tfslim/quantization/packed: container.py, tensor_table.py, tensor.py,
 * entropy_coding.py. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void fail(const char *what) { fprintf(stderr, "read_packed: %s\n", what); exit(1); }

static uint32_t u32(const uint8_t *p) { return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24; }

static float f32(const uint8_t *p) { uint32_t bits = u32(p); float x; memcpy(&x, &bits, 4); return x; }

static void *room(uint64_t count, uint64_t size) {
    void *p = count < SIZE_MAX / size ? calloc(count ? count : 1, size) : NULL;
    if (!p) fail("out of memory");
    return p;
}

typedef struct { const uint8_t *p, *end; } Reader;

static const uint8_t *take(Reader *r, uint64_t count) {
    if (count > (uint64_t)(r->end - r->p)) fail("ends too early");
    r->p += count;
    return r->p - count;
}

static uint64_t data_bytes(const Reader *r) { return r->end - r->p; }

static uint64_t integer(Reader *r) { /* seven bits a byte, the lowest first */
    uint64_t number = 0;
    for (int shift = 0; shift < 63; shift += 7) {
        uint8_t byte = *take(r, 1);
        number |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return number;
    }
    fail("a number is too long");
    return 0;
}

static uint64_t code_at(const uint8_t *p, const uint8_t *end, uint64_t i, int bits) {
    uint64_t window = 0, first = i * bits;
    for (int byte = 0; byte < 9 && p + first / 8 + byte < end && 8 * byte < bits + 8; byte++)
        window |= (uint64_t)p[first / 8 + byte] << 8 * byte;
    return window >> first % 8 & ((1ull << bits) - 1);
}

static double frequency(uint8_t q) { return q ? (double)((uint64_t)(8 + (q - 1) % 8) << (q - 1) / 8) : 0; }

/* Entropy-coded codes: a frequency table, then the words of a stack from which asymmetric numeral systems decode. */
static void decode_entropy(Reader r, uint64_t count, uint32_t *codes) {
    uint64_t width = integer(&r), n = integer(&r), special = integer(&r);
    uint8_t special_byte = *take(&r, 1);
    if (n < 2 || n > 1 << 17 || !width || width > n || special >= n) fail("bad frequency table");
    const uint8_t *runs = take(&r, (n + width - 1) / width);
    double sum = 0, below = 0, *f = room(n, sizeof *f);
    uint32_t *left = room(n + 1, 4);
    for (uint64_t i = 0; i < n; i++) sum += f[i] = frequency(i == special ? special_byte : runs[i / width]);
    if (sum == 0) fail("bad frequency table");
    for (uint64_t i = 0; i < n; below += f[i++]) left[i] = (uint32_t)(below * (((1 << 24) - (double)n) / sum)) + i;
    left[n] = 1 << 24;
    while (r.end > r.p && !r.end[-1]) r.end--; /* zeros that only fill up */
    uint64_t words = (r.end - r.p + 3) / 4, state = 0;
    while (words && state < 1ull << 32) state = state << 32 | u32(r.p + 4 * --words);
    for (uint64_t k = 0; k < count; k++) {
        uint32_t quantile = state & 0xffffff, low = 0, high = n;
        while (high - low > 1) {
            uint32_t middle = (low + high) / 2;
            if (left[middle] <= quantile) low = middle; else high = middle;
        }
        state = (state >> 24) * (left[low + 1] - left[low]) + quantile - left[low];
        if (state < 1ull << 32 && words) state = state << 32 | u32(r.p + 4 * --words);
        codes[k] = low;
    }
    free(f), free(left);
}

static float half(uint32_t h) {
    int exponent = h >> 10 & 31;
    double size = exponent ? ldexp(1024 + (h & 1023), exponent - 25) : ldexp(h & 1023, -24);
    return (float)(h >> 15 ? -size : size);
}

static float log_min_max(int kind, uint32_t bits, uint32_t code, const uint8_t *range) {
    float low = f32(range), high = f32(range + 4), flag = f32(range + 8);
    uint32_t n = kind > 2 ? 1u << (bits - 1) : bits == 1 ? 1 : flag != 0 ? (1u << bits) - 1 : (1u << (bits - 1)) - 1;
    int negative = kind == 2 && bits > 1 && flag != 0 ? flag < 0 : code >= n + (kind == 2 && bits > 1);
    uint32_t i = kind == 2 && bits > 1 ? code - 1 : code;
    if ((kind == 2 && bits > 1 && !code) || (kind > 2 && flag != 0 && code == n)) return 0;
    if (negative && (kind > 2 || bits == 1 || flag == 0)) i -= n;
    if (i >= n) return 0; /* a code that stands for nothing */
    double step = i / (double)(kind == 4 ? n : n - 1);
    float level = low == high || n == 1 ? high : (float)((double)low * exp(step * log((double)high / low)));
    if (low != high && n > 1) level = i == 0 ? low : i == n - 1 && kind != 4 ? high : level;
    return negative ? -level : level;
}

static float uniform(int affine, int bits, uint32_t c, float low, float high) {
    uint32_t m = (1u << bits) - (affine || bits == 1 ? 1 : 2);
    if (c > m) c = m;
    if (!affine) return (float)(low * ((2 * (double)c - m) / m)) + 0.0f; /* low is the peak */
    return c == m ? high : (float)((double)low + ((double)high - low) * (c / (double)m));
}

/* Which of the filters a value belongs to. */
static uint64_t filter_of(uint64_t i, int axes, const uint64_t *shape, uint64_t mask) {
    uint64_t filter = 0, stride = 1;
    for (int axis = axes - 1; axis >= 0; i /= shape[axis--])
        if (mask >> axis & 1) filter += i % shape[axis] * stride, stride *= shape[axis];
    return filter;
}

/* Whether a kind has codes of so many bits. */
static int has_bits(int kind, int bits) {
    static const int raw[] = {8, 8, 16, 32, 64, 8, 16, 32, 64, 64};
    if (kind < 2) return bits == (kind ? 16 : 32);
    if (kind < 10) return bits > (kind == 3 || kind == 4) && bits <= 16 + (kind == 3 || kind == 4);
    if (kind < 14) return bits == (kind < 12 ? 2 : 1);
    return kind > 31 && kind < 42 && bits == raw[kind - 32];
}

static void read_tensor(Reader *list, Reader *data, char *name, FILE *out) {
    uint64_t shared = integer(list), added = integer(list), shape[16], count = 1, filters = 1, mask = 0, book = 0;
    if (shared > strlen(name) || shared > 1024 || added > 1024 - shared) fail("bad name");
    memcpy(name + shared, take(list, added), added);
    name[shared + added] = 0;
    int kind = *take(list, 1), bits = *take(list, 1), axes = (int)integer(list);
    if (axes < 0 || axes > 16 || !has_bits(kind, bits)) fail("bad tensor");
    for (int axis = 0; axis < axes; axis++) {
        shape[axis] = integer(list);
        if (shape[axis] && count > (1ull << 40) / shape[axis]) fail("too large");
        count *= shape[axis] ? shape[axis] : 1; /* an axis of 0 must not hide the others */
    }
    for (int axis = 0; axis < axes; axis++) count = shape[axis] ? count : 0;
    if (kind == 7 || kind == 8 || kind == 11 || kind == 13) mask = integer(list);
    for (int axis = 0; axis < axes; axis++) filters *= mask >> axis & 1 ? shape[axis] : 1;
    if (mask >> axes || filters > data_bytes(data)) fail("bad filters");
    if (kind == 9 && ((book = integer(list)) < 1 || book > 1ull << bits)) fail("bad codebook");
    uint64_t coded = kind > 1 && kind < 32 ? integer(list) : 0;
    uint64_t floats = kind < 2 || kind > 31 ? 0 : kind < 5 ? 3 : kind == 9 ? book : kind == 6 || kind == 8 ? 2 * filters : filters;
    if (coded && (coded > data_bytes(data) || count < 1 || count > 64 * coded)) fail("bad codes");
    const uint8_t *parameters = take(data, 4 * floats), *second = parameters + 4 * filters;
    Reader codes_in = {data->p, data->p};
    codes_in.end += coded ? coded : (count * bits + 7) / 8;
    take(data, codes_in.end - codes_in.p);
    uint8_t *values = NULL;
    uint64_t bytes = kind < 32 ? 4 * count : count * bits / 8;
    if (kind == 0 || kind > 31) values = memcpy(room(count, bits / 8), codes_in.p, bytes);
    else {
        float *decoded = room(count, 4);
        uint32_t *codes = room(count, 4);
        if (coded) decode_entropy(codes_in, count, codes);
        else for (uint64_t i = 0; i < count; i++) codes[i] = (uint32_t)code_at(codes_in.p, codes_in.end, i, bits);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t filter = mask ? filter_of(i, axes, shape, mask) : 0;
            uint32_t code = codes[i];
            if (kind == 1) decoded[i] = half(code);
            else if (kind < 5) decoded[i] = log_min_max(kind, bits, code, parameters);
            else if (kind < 9) decoded[i] = uniform(kind % 2 == 0, bits, code, f32(parameters + 4 * filter), kind % 2 ? 0 : f32(second + 4 * filter));
            else if (kind == 9 && code >= book) fail("a code is beyond the codebook");
            else if (kind == 9) decoded[i] = f32(parameters + 4 * code);
            else decoded[i] = f32(parameters + 4 * filter) * (kind < 12 ? code == 1 ? 1 : code == 2 ? -1 : 0 : code ? -1 : 1) + 0.0f;
        }
        free(codes);
        values = (uint8_t *)decoded;
    }
    printf("%s (", name);
    for (int axis = 0; axis < axes; axis++) printf(axis ? ", %llu" : "%llu", (unsigned long long)shape[axis]);
    printf(") kind %d, %d bits, crc32 %08lx\n", kind, bits, crc32_z(0, values, bytes));
    if (out && fwrite(values, 1, bytes, out) != bytes) fail("can't write");
    free(values);
}

int main(int argc, char **argv) {
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL, *out = NULL;
    uint8_t header[52];
    if (!file) fail("usage: read_packed FILE [VALUES]; the file can't be opened");
    if (fread(header, 1, 52, file) != 52 || memcmp(header, "\x89tfslim\n", 8)) fail("no .tfslim file");
    if (u32(header + 48) != crc32(0, header, 48)) fail("the header is damaged");
    if (u32(header + 8) != 1) fail("another schema version");
    uint8_t *sections[3];
    for (int s = 0; s < 3; s++) {
        const uint8_t *row = header + 12 + 12 * s;
        sections[s] = room(u32(row), 1);
        if (fread(sections[s], 1, u32(row), file) != u32(row)) fail("cut short");
        if (u32(row + 8) != crc32_z(0, sections[s], u32(row))) fail("a section is damaged");
    }
    uLongf opened = u32(header + 28);
    if (opened > 1 << 24) fail("the tensor list is too large");
    uint8_t *list = room(opened, 1);
    if (uncompress(list, &opened, sections[1], u32(header + 24)) != Z_OK) fail("the tensor list can't be opened");
    Reader entries = {list, list + opened}, data = {sections[2], sections[2] + u32(header + 36)};
    if (argc > 2 && !(out = fopen(argv[2], "wb"))) fail("the file for the values can't be opened");
    char name[1025] = "";
    for (uint64_t left = integer(&entries); left; left--) read_tensor(&entries, &data, name, out);
    return out && fclose(out) ? 1 : 0;
}
