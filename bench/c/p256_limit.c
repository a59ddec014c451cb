// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
//
// P-256 key pairs per second of CPU by OpenSSL alone, with its context set up once, as `openssl speed`
// of OpenSSL 3.2 and later counts them (Debian 12's does not).
//
//     p256_limit SECONDS
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double cpu(void) {
  struct timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void must(int done) {
  if (done <= 0) exit(1);
}

int main(int argc, char **argv) {
  double seconds = argc == 2 ? atof(argv[1]) : 1, begun, used;
  long made = 0;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  must(EVP_PKEY_keygen_init(context));
  must(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1));
  begun = cpu();
  do {
    for (int i = 0; i < 100; i++, made++) {
      EVP_PKEY *key = NULL;
      must(EVP_PKEY_generate(context, &key));
      EVP_PKEY_free(key);
    }
    used = cpu() - begun;
  } while (used < seconds);
  printf("%.1f\n", (double)made / used);
  return 0;
}
