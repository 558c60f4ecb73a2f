// What drivers compute, as C: checksums, tables, strings, bit fields, atomics, wide arithmetic, rates. Each routine works on
// 4 KiB of memory and answers 64 bits; the same source runs on the host and, built as a driver is, on our processor.
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef short s16;
typedef unsigned int u32;
typedef int s32;
typedef unsigned long long u64;
typedef long long s64;
typedef unsigned __int128 u128;

#ifdef HOST
#define ROUTINE(name) __attribute__((noinline)) u64 name(u8 *m)
#else
#define ROUTINE(name) __declspec(dllexport) u64 name(u8 *m)
int _fltused;
void *memcpy(void *to, const void *from, u64 n) {
    for (u64 i = 0; i < n; i++) ((volatile u8 *)to)[i] = ((const u8 *)from)[i];
    return to;
}
void *memset(void *to, int value, u64 n) {
    for (u64 i = 0; i < n; i++) ((volatile u8 *)to)[i] = (u8)value;
    return to;
}
int memcmp(const void *a, const void *b, u64 n) {
    for (u64 i = 0; i < n; i++)
        if (((volatile u8 *)a)[i] != ((const u8 *)b)[i]) return ((const u8 *)a)[i] - ((const u8 *)b)[i];
    return 0;
}
#endif
#define N 256
#define B ((u8 *)m)
#define H ((u16 *)m)
#define W ((u32 *)m)
#define Q ((u64 *)m)
#define SW ((s32 *)m)
#define SH ((s16 *)m)
#define SQ ((s64 *)m)
#define EACH(n) for (u32 i = 0; i < (n); i++)

ROUTINE(crc32_of_bytes) {
    u32 crc = ~0u;
    EACH(N) {
        crc ^= B[i];
        for (int k = 0; k < 8; k++) crc = (crc >> 1) ^ (0xedb88320 & -(crc & 1));
    }
    return ~crc;
}
ROUTINE(adler) {
    u32 a = 1, b = 0;
    EACH(N) {
        a = (a + B[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}
ROUTINE(internet_sum) {
    u32 sum = 0;
    EACH(N) sum += H[i];
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return (u16)~sum;
}
ROUTINE(raid_syndrome) {
    EACH(N) {
        u8 v = B[i];
        B[i] = (u8)((v << 1) ^ ((v & 0x80) ? 0x1d : 0) ^ B[i + N]);
    }
    return B[7];
}
ROUTINE(sum_of_signed_bytes) {
    s32 sum = 0;
    EACH(N) sum += (s8)B[i];
    return (u64)(s64)sum;
}
ROUTINE(sum_to_quads) {
    s64 sum = 0;
    EACH(N) sum += SW[i];
    return (u64)sum;
}
ROUTINE(widen_bytes) {
    EACH(N) Q[N + i] = B[i];
    return Q[N + 9];
}
ROUTINE(widen_signed) {
    EACH(N) ((s32 *)m)[N * 2 + i] = SH[i];
    return W[N * 2 + 5];
}
ROUTINE(narrow) {
    EACH(N) B[2048 + i] = (u8)H[i];
    EACH(N) ((u16 *)m)[1536 + i] = (u16)W[i];
    return B[2050];
}
ROUTINE(saturate) {
    EACH(N) {
        s32 sum = B[i] + B[i + N];
        B[i] = sum > 255 ? 255 : (u8)sum;
    }
    EACH(N) SH[1024 + i] = SW[i] > 32767 ? 32767 : SW[i] < -32768 ? -32768 : (s16)SW[i];
    return H[1030];
}
ROUTINE(extremes) {
    s32 most = -0x7fffffff;
    u32 least = ~0u;
    EACH(N) {
        most = SW[i] > most ? SW[i] : most;
        least = W[i] < least ? W[i] : least;
    }
    EACH(N) H[i] = H[i] < H[i + N] ? H[i] : H[i + N];
    EACH(N) ((s8 *)m)[1024 + i] = ((s8 *)m)[1024 + i] > ((s8 *)m)[i] ? ((s8 *)m)[1024 + i] : ((s8 *)m)[i];
    return (u64)(u32)most << 32 | least;
}
ROUTINE(absolute) {
    EACH(N) SW[i] = SW[i] < 0 ? -(SW[i] | 1) : SW[i];
    EACH(N) SH[1024 + i] = SH[1024 + i] < 0 ? (s16)-SH[1024 + i] : SH[1024 + i];
    return W[3];
}
ROUTINE(choose) {
    EACH(N) W[i] = W[i + N] > 0x40000000 ? W[i + N] : W[i];
    EACH(N) B[3072 + i] = B[3072 + i] > 5 ? B[i] : 7;
    EACH(64) Q[i] = Q[i] == Q[i + 64] ? 1 : SQ[i] > SQ[i + 64] ? Q[i] : Q[i + 64];
    return Q[3];
}
ROUTINE(multiply) {
    EACH(N) W[i] *= W[i + N];
    EACH(N) H[1024 + i] = (u16)((H[1024 + i] * 40503u) >> 16);
    EACH(64) Q[i + 256] *= Q[i];
    return Q[257];
}
ROUTINE(dot_product) {
    s32 sum = 0;
    EACH(N) sum += (SH[i] >> 4) * (SH[i + N] >> 4);
    return (u64)(s64)sum;
}
ROUTINE(shift_each) {
    u32 by = B[4000] & 31;
    EACH(N) W[i] <<= by;
    EACH(N) SH[1024 + i] >>= 3;
    EACH(64) SQ[i + 384] >>= 7;
    EACH(64) W[i + 256] = W[i + 256] << (W[i] & 31) | W[i + 256] >> (-W[i] & 31);
    return Q[385];
}
ROUTINE(swap_bytes) {
    EACH(N) W[i] = __builtin_bswap32(W[i]);
    EACH(N) H[512 + i] = __builtin_bswap16(H[512 + i]);
    EACH(64) Q[i + 256] = __builtin_bswap64(Q[i + 256]);
    return __builtin_bswap64(Q[1]);
}
ROUTINE(count_bits) {
    u64 sum = 0;
    EACH(64) {
        sum += (u64)__builtin_popcountll(Q[i]) + (u64)__builtin_ctz(W[i] | 0x8000) * 3;
        sum += (u64)__builtin_clzll(Q[i] | 1) * 5 + (u64)__builtin_parity(W[i]) * 7;
        sum = sum * 31 + (u64)__builtin_ffsll(SQ[i]);
    }
    EACH(N) W[i] = (u32)__builtin_popcount(W[i]);
    return sum;
}
ROUTINE(isolate_bits) {
    u64 sum = 0;
    EACH(64) sum = sum * 3 + (Q[i] & -Q[i]) + (Q[i] & (Q[i] - 1)) + (Q[i] ^ (Q[i] - 1)) + (~Q[i] & Q[i + 1]);
    EACH(64) sum += (Q[i] >> (B[i] & 31)) & ((1ull << (B[i + 1] & 31)) - 1);
    return sum;
}
ROUTINE(wide_products) {
    u64 sum = 0;
    EACH(32) {
        u128 product = (u128)Q[i] * Q[i + 1];
        __int128 other = (__int128)SQ[i] * SQ[i + 2];
        sum += (u64)(product >> 64) ^ (u64)product ^ (u64)(other >> 64);
        product <<= B[i] & 127;
        other >>= B[i + 1] & 127;
        sum = sum * 5 + (u64)(product >> 64) + (u64)other;
    }
    return sum;
}
ROUTINE(carry_chain) {
    u8 carry = 0;
    EACH(64) {
        u128 sum = (u128)Q[i] + Q[i + 64] + carry;
        Q[i] = (u64)sum;
        carry = (u8)(sum >> 64);
    }
    return carry;
}
ROUTINE(divide) {
    u64 sum = 0;
    EACH(64) {
        sum = sum * 7 + Q[i] / 10000000 + (u64)(SQ[i] / 864000000000ll) + Q[i] % (Q[i + 1] | 1);
        sum += W[i] / (W[i + 1] | 1) + (u64)(s64)(SW[i] % ((SW[i + 2] >> 3) | 2)) + (u64)(SQ[i] / (SQ[i + 1] >> 9 | 3));
    }
    return sum;
}
ROUTINE(overflow) {
    u64 sum = 0;
    EACH(64) {
        s32 product;
        u64 total;
        u32 capped;
        sum = sum * 3 + __builtin_mul_overflow(SW[i], SW[i + 1] >> (i & 31), &product);
        sum += __builtin_add_overflow(Q[i], Q[i + 1], &total) + (u32)product + total;
        sum ^= __builtin_add_overflow(W[i], W[i + 1], &capped) ? ~0u : capped;
    }
    return sum;
}
ROUTINE(decide) {
    u64 sum = 0;
    EACH(N) {
        switch (B[i] & 15) {
        case 0: sum += 5; break;
        case 1: sum ^= 17; break;
        case 2: sum *= 3; break;
        case 3: sum -= B[i + 1]; break;
        case 5: sum = sum << 7 | sum >> 57; break;
        case 7: m[2048 + i]++; break;
        case 8: sum += m[2048 + i]; break;
        case 9: sum = ~sum; break;
        default: sum++;
        }
    }
    return sum;
}
ROUTINE(sort) {
    for (u32 gap = 64; gap > 0; gap /= 2) {
        for (u32 i = gap; i < N; i++) {
            s32 value = SW[i];
            u32 at = i;
            for (; at >= gap && SW[at - gap] > value; at -= gap) SW[at] = SW[at - gap];
            SW[at] = value;
        }
    }
    return W[128];
}
ROUTINE(text) {
    u64 value = Q[5];
    for (int i = 0; i < 16; i++) {
        int digit = (value >> (60 - 4 * i)) & 15;
        m[2048 + i] = (u8)(digit < 10 ? '0' + digit : 'a' + digit - 10);
    }
    u32 length = 0;
    while (length < N && H[length] != 0x4141) length++;
    int found = -1;
    EACH(N) if (B[i] == 0x7f && found < 0) found = (int)i;
    u32 equal = 0;
    EACH(N) equal += B[i] == B[i + 1];
    EACH(N) m[3072 + i] = m[N - 1 - i];
    return (u64)length << 40 | (u64)equal << 20 | (u32)found;
}
struct registers {
    u32 ready : 1, mode : 3, depth : 12, tag : 16;
    u64 address : 48, flags : 16;
};
ROUTINE(bit_fields) {
    struct registers *r = (struct registers *)m;
    EACH(64) {
        r[i].depth += r[i + 1].tag;
        r[i].mode ^= r[i].ready;
        r[i].address += r[i + 1].depth;
        r[i].flags = (u16)(r[i].flags + r[i].mode);
    }
    struct registers copy = r[9];
    r[10] = copy;
    __builtin_memset(&r[11], 0, sizeof copy);
    return r[9].address + (u64)__builtin_memcmp(&r[9], &r[10], sizeof copy);
}
ROUTINE(atomics) {
    u64 sum = __sync_fetch_and_add(&SQ[0], 5) + (u64)__sync_val_compare_and_swap(&SQ[1], SQ[1], 7);
    sum += __sync_fetch_and_or(&W[8], 8) + __sync_lock_test_and_set(&B[40], 1) + __sync_sub_and_fetch(&W[9], 3);
    sum ^= (u64)__sync_bool_compare_and_swap(&W[10], 0, 1);
    return sum;
}
ROUTINE(digest) {
    u32 w[64], h[8];
    EACH(16) w[i] = __builtin_bswap32(W[i]);
    for (u32 i = 16; i < 64; i++) {
        u32 a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + ((a >> 7 | a << 25) ^ (a >> 18 | a << 14) ^ a >> 3) +
               ((b >> 17 | b << 15) ^ (b >> 19 | b << 13) ^ b >> 10);
    }
    EACH(8) h[i] = W[i + 16];
    EACH(64) h[i & 7] = (h[i & 7] + w[i]) ^ (h[(i + 3) & 7] << 5 | h[(i + 3) & 7] >> 27);
    EACH(8) W[i] = h[i];
    return h[0];
}
ROUTINE(rates) {
    double sum = 0;
    float small = 0;
    EACH(64) {
        double per = (double)(Q[i] >> 11) / (double)((W[i] | 1));
        sum += per * 0.75 + (double)SW[i + 1];
        small = small * 0.5f + (float)SH[i] / (float)(H[i + 1] | 1);
        if (per > 1e6) sum -= 3.5;
        m[2048 + i] = (u8)(per < 1000.0 ? (u32)per : 255);
    }
    EACH(64) ((float *)m)[768 + i] = (float)SW[i] * 0.25f + 1;
    EACH(64) ((double *)m)[256 + i] = SW[i] / 3.0;
    EACH(64) ((s32 *)m)[900 + i] = (s32)((float)SH[i] * 1.5f);
    union { double d; u64 q; } bits = {sum + small + __builtin_sqrt(sum < 0 ? -sum : sum)};
    return bits.q ^ (u64)(s64)small ^ (sum > 0 && sum < 1e18 ? (u64)sum : 0);
}

#ifdef HOST
#include <stdio.h>
#include <string.h>
static const struct { const char *name; u64 (*routine)(u8 *); } ALL[] = {
#define ONE(name) {#name, name},
    ONE(crc32_of_bytes) ONE(adler) ONE(internet_sum) ONE(raid_syndrome) ONE(sum_of_signed_bytes) ONE(sum_to_quads)
    ONE(widen_bytes) ONE(widen_signed) ONE(narrow) ONE(saturate) ONE(extremes) ONE(absolute) ONE(choose) ONE(multiply)
    ONE(dot_product) ONE(shift_each) ONE(swap_bytes) ONE(count_bits) ONE(isolate_bits) ONE(wide_products)
    ONE(carry_chain) ONE(divide) ONE(overflow) ONE(decide) ONE(sort) ONE(text) ONE(bit_fields) ONE(atomics)
    ONE(digest) ONE(rates)
};
// Memory from standard input; to standard output name, answer and memory of each routine.
int main(void) {
    static u8 given[4096], m[4096];
    if (fread(given, 1, sizeof given, stdin) != sizeof given) return 1;
    for (u32 k = 0; k < sizeof ALL / sizeof *ALL; k++) {
        memcpy(m, given, sizeof m);
        u64 answer = ALL[k].routine(m);
        char name[32] = {0};
        strcpy(name, ALL[k].name);
        fwrite(name, 1, sizeof name, stdout);
        fwrite(&answer, 1, sizeof answer, stdout);
        fwrite(m, 1, sizeof m, stdout);
    }
    return 0;
}
#endif
