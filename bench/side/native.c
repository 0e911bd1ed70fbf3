// native api EVENT_FILE        a Lambda Runtime API that answers every /next at once with the file's bytes
// native floor COMMAND…        the least that a runtime can do: one /next, one frame to one worker, one POST, by blocking calls
//
// Both in C, so that what is measured is the server between them and not the measure. The API prints its port, then once each when the first
// /next and the first answer came, in seconds of CLOCK_MONOTONIC. GET /count tells answers and errors so far. It ends with its parent.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS 64

static void die(const char *what) { perror(what); exit(1); }

static void write_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t n = write(fd, bytes, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) exit(0);
    bytes += n, size -= n;
  }
}

// ---- what both read: one HTTP message with Content-Length

typedef struct { char *bytes; size_t have, room, head, whole; } message;

static long header(const message *m, const char *name, char *text, size_t room) {
  for (const char *at = m->bytes; (at = memmem(at, m->bytes + m->head - at, "\r\n", 2)); ) {
    at += 2;
    if (strncasecmp(at, name, strlen(name))) continue;
    at += strlen(name);
    while (*at == ' ') at++;
    size_t size = strcspn(at, "\r");
    if (text) snprintf(text, room, "%.*s", (int)size, at);
    return atol(at);
  }
  return 0;
}

// True when a whole message is there; then `head` and `whole` are its sizes.
static int is_whole(message *m) {
  char *end = memmem(m->bytes, m->have, "\r\n\r\n", 4);
  if (!end) return 0;
  m->head = end - m->bytes + 4;
  m->whole = m->head + header(m, "content-length:", NULL, 0);
  return m->have >= m->whole;
}

static int read_some(int fd, message *m) {
  if (m->room - m->have < 65536) m->bytes = realloc(m->bytes, m->room = 2 * m->room + 131072);
  ssize_t n = read(fd, m->bytes + m->have, m->room - m->have - 1);
  if (n > 0) m->bytes[m->have += n] = 0;
  return n > 0 || (n < 0 && errno == EINTR);
}

static void drop(message *m) { memmove(m->bytes, m->bytes + m->whole, m->have -= m->whole); }

// ---- the API

static char *event, *out;
static size_t event_size;
static unsigned long events, answers, errors;

static void stamp(const char *what, int *seen) {
  struct timespec now;
  if ((*seen)++) return;
  clock_gettime(CLOCK_MONOTONIC, &now);
  printf("%s %ld.%06ld\n", what, (long)now.tv_sec, now.tv_nsec / 1000);
  fflush(stdout);
}

static void respond(int fd, message *m) {
  static int nexts, firsts;
  char *line_end = memchr(m->bytes, '\r', m->head);
  size_t line = line_end - m->bytes, size;
  if (memmem(m->bytes, line, "/extension/", 11)) {
    if (m->bytes[0] == 'G') return;
    size = sprintf(out, "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: bench\r\nContent-Length: 2\r\n\r\n{}");
  } else if (memmem(m->bytes, line, "/invocation/next", 16)) {
    stamp("next", &nexts);
    size = sprintf(out,
      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-%012lu\r\n"
      "Lambda-Runtime-Deadline-Ms: 4100000000000\r\n"
      "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:f\r\n"
      "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n"
      "Content-Length: %zu\r\n\r\n", ++events, event_size);
    memcpy(out + size, event, event_size);
    size += event_size;
  } else if (memmem(m->bytes, line, "/count", 6)) {
    char text[64];
    int length = sprintf(text, "%lu %lu", answers, errors);
    size = sprintf(out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", length, text);
  } else {
    if (memmem(m->bytes, line, "/response", 9)) answers++, stamp("answer", &firsts);
    else errors++;
    size = sprintf(out, "HTTP/1.1 202 Accepted\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n");
  }
  write_all(fd, out, size);
}

static void api(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) die(path);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_IGN);
  fseek(file, 0, SEEK_END);
  event_size = ftell(file);
  rewind(file);
  event = malloc(event_size + 1);
  out = malloc(event_size + 4096);
  if (fread(event, 1, event_size, file) != event_size) die(path);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  socklen_t size = sizeof address;
  if (bind(listener, (void *)&address, size) || listen(listener, 64)) die("listen");
  getsockname(listener, (void *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct pollfd polled[CLIENTS] = { { .fd = listener, .events = POLLIN } };
  message read[CLIENTS] = { 0 };
  for (int count = 1;;) {
    if (poll(polled, count, -1) < 0) continue;
    for (int i = count - 1; i > 0; i--) {
      if (!polled[i].revents) continue;
      if (read_some(polled[i].fd, &read[i])) {
        while (is_whole(&read[i])) respond(polled[i].fd, &read[i]), drop(&read[i]);
        continue;
      }
      close(polled[i].fd);
      free(read[i].bytes);
      polled[i] = polled[--count], read[i] = read[count];
      read[count] = (message){ 0 };
    }
    if (!polled[0].revents || count == CLIENTS) continue;
    polled[count] = (struct pollfd){ .fd = accept(listener, NULL, NULL), .events = POLLIN };
    setsockopt(polled[count++].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
}

// ---- the floor

static uint32_t crc(const unsigned char *bytes, int count) {
  uint32_t c = ~0u;
  while (count--) {
    c ^= *bytes++;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
  }
  return ~c;
}

static void send_frame(int fd, int flags, const char *context, const char *body, uint32_t size) {
  static char *frame;
  static size_t room;
  uint32_t option = strlen(context), words = flags & 1 ? 3 : 4, length = option + size, at = 4 * words, sum;
  if (room < at + length) frame = realloc(frame, room = 2 * (at + length));
  frame[0] = 0x10 | words, frame[1] = flags, frame[10] = frame[11] = 0;
  memcpy(frame + 2, &length, 4);
  sum = crc((unsigned char *)frame, 6);
  memcpy(frame + 6, &sum, 4);
  if (words == 4) memcpy(frame + 12, &option, 4);
  memcpy(frame + at, context, option);
  memcpy(frame + at + option, body, size);
  write_all(fd, frame, at + length);
}

// The body of the answer, behind its context; its size in *size.
static char *read_frame(int fd, uint32_t *size) {
  static char *bytes;
  static size_t room;
  size_t have = 0, need = 12;
  uint32_t words = 3, length = 0, option = 0;
  while (have < need) {
    if (room < need + 65536) bytes = realloc(bytes, room = 2 * need + 65536);
    ssize_t n = read(fd, bytes + have, room - have);
    if (n <= 0) exit(1);
    if ((have += n) < 12) continue;
    words = bytes[0] & 15;
    memcpy(&length, bytes + 2, 4);
    need = 4 * words + length;
  }
  if (words > 3) memcpy(&option, bytes + 12, 4);
  *size = length - option;
  return bytes + 4 * words + option;
}

static int floor_of(char **words) {
  char *api = getenv("AWS_LAMBDA_RUNTIME_API"), *colon = api ? strrchr(api, ':') : NULL, id[128], head[512];
  int in[2], back[2], one = 1, http = socket(AF_INET, SOCK_STREAM, 0);
  if (!colon || pipe(in) || pipe(back)) die("AWS_LAMBDA_RUNTIME_API, pipe");
  if (!fork()) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(in[0], 0), dup2(back[1], 1);
    execvp(words[0], words);
    die(words[0]);
  }
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(atoi(colon + 1)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  if (connect(http, (void *)&address, sizeof address)) die(api);
  setsockopt(http, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  uint32_t size;
  send_frame(in[1], 0x09, "{\"pid\":1}", "", 0);
  read_frame(back[0], &size);
  message m = { 0 };
  for (;;) {
    const char *next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: h\r\n\r\n";
    write_all(http, next, strlen(next));
    while (!m.have || !is_whole(&m)) if (!read_some(http, &m)) return 0;
    header(&m, "lambda-runtime-aws-request-id:", id, sizeof id);
    send_frame(in[1], 0x04, "{\"kind\":\"event\"}", m.bytes + m.head, m.whole - m.head);
    drop(&m);
    char *body = read_frame(back[0], &size);
    int length = sprintf(head, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: h\r\nContent-Length: %u\r\n\r\n", id, size);
    char *post = malloc(length + size);
    memcpy(post, head, length), memcpy(post + length, body, size);
    write_all(http, post, length + size);
    free(post);
    while (!m.have || !is_whole(&m)) if (!read_some(http, &m)) return 0;
    drop(&m);
  }
}

int main(int count, char **words) {
  if (count == 3 && !strcmp(words[1], "api")) api(words[2]);
  if (count > 2 && !strcmp(words[1], "floor")) return floor_of(words + 2);
  fprintf(stderr, "usage: native api EVENT_FILE | native floor COMMAND...\n");
  return 2;
}
