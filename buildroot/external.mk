include $(sort $(wildcard $(BR2_EXTERNAL_TETHERD_PATH)/package/*/*.mk))
