#include "crc.h"

// Eight bytes at a time ("slicing-by-8"): some milliseconds for the runtime's archive.
static uint32_t crc_table[8][256];

static void make_table(void) {
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t value = byte;
        for (int bit = 0; bit < 8; bit++) {
            value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
        }
        crc_table[0][byte] = value;
    }
    for (uint32_t byte = 0; byte < 256; byte++) {
        for (int slice = 1; slice < 8; slice++) {
            uint32_t before = crc_table[slice - 1][byte];
            crc_table[slice][byte] = before >> 8 ^ crc_table[0][before & 0xFF];
        }
    }
}

static uint32_t u32(const unsigned char *at) {
    return at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16 | (uint32_t) at[3] << 24;
}

uint32_t crc_of(uint32_t crc, const unsigned char *at, uint64_t size) {
    if (!crc_table[0][1]) {
        make_table();
    }
    for (; size >= 8; size -= 8, at += 8) {
        uint32_t low = u32(at) ^ crc, high = u32(at + 4);
        crc = crc_table[7][low & 0xFF] ^ crc_table[6][low >> 8 & 0xFF] ^ crc_table[5][low >> 16 & 0xFF] ^
              crc_table[4][low >> 24] ^ crc_table[3][high & 0xFF] ^ crc_table[2][high >> 8 & 0xFF] ^
              crc_table[1][high >> 16 & 0xFF] ^ crc_table[0][high >> 24];
    }
    while (size--) {
        crc = crc >> 8 ^ crc_table[0][(crc ^ *at++) & 0xFF];
    }
    return crc;
}
