// CRC-32 as ZIP has it.
#ifndef PANNIER_CRC_H
#define PANNIER_CRC_H

#include <stdint.h>

#define CRC_START 0xFFFFFFFFu

// Go on from `crc` (`CRC_START` at first) over more bytes; the checksum is the complement of the last result.
uint32_t crc_of(uint32_t crc, const unsigned char *data, uint64_t size);

#endif
