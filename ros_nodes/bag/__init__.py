"""Bags: MCAP files of ROS messages, written by the recorder and read without a ROS."""
