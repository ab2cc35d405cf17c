/* credentials: as whom the sidecar enters, read from the file that [uplink] names. For the config room alone. */
#ifndef CONFIG_CREDENTIALS_H
#define CONFIG_CREDENTIALS_H

struct config_uplink;

/* Fills in user and password, or token, from credentials_file; nothing happens where none is named. 0, -ENOMEM, the
 * error of open or read, or -EINVAL where its first line is not USER:PASSWORD or a token. */
int credentials_read(struct config_uplink *uplink);

#endif
