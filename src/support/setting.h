/*-------------------------------------------------------------------------
 *
 * setting.h
 *		The settings wb_automations.*, as C variables.
 *
 * A variable is read where it is used and never copied, so that a reload
 * takes effect at once.
 *
 * IDENTIFICATION
 *		src/support/setting.h
 *
 *-------------------------------------------------------------------------
 */
#ifndef WB_SETTING_H
#define WB_SETTING_H

typedef enum WbDeliveryMode
{
	WB_DELIVERY_OFF,
	WB_DELIVERY_ON,
	WB_DELIVERY_DRY_RUN
} WbDeliveryMode;

extern bool wb_setting_allow_http;
extern bool wb_setting_capture;
extern bool wb_setting_worker;
extern char *wb_setting_allowed_networks;
extern char *wb_setting_run_url;
extern char *wb_setting_secret_key_file;
extern int	wb_setting_clock_offset;
extern int	wb_setting_connect_timeout;
extern int	wb_setting_crash_timeout;
extern int	wb_setting_delivery;
extern int	wb_setting_max_in_flight;
extern int	wb_setting_queue_limit;
extern int	wb_setting_request_timeout;
extern int	wb_setting_series_memory;
extern int	wb_setting_writer_slots;
extern int	wb_setting_retention;

extern void wb_setting_define_all(void);

#endif							/* WB_SETTING_H */
